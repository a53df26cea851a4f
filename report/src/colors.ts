// One colour for one thing, in every plot. The page's own colours are in style.css; these are read
// from there where the theme decides them.

export const USES: Record<string, string> = {
  anonymous: "#4c7dff",
  "page cache": "#12b5a0",
  "shared memory": "#f2a33a",
  "page tables": "#e5549b",
  slab: "#9a6bf2",
  kernel: "#8492a6",
  mapped: "#4c7dff",
  dirty: "#f2a33a",
  "write-back": "#e5544b",
};

export const WATERMARKS = { high: "#d9a514", low: "#ee7a26", min: "#e5443b" };

const PALETTE = [
  "#4c7dff", "#12b5a0", "#f2a33a", "#e5549b", "#9a6bf2",
  "#6bb23c", "#e5443b", "#23a6d9", "#b08556", "#8492a6",
];

export const nth = (number: number): string => PALETTE[number % PALETTE.length]!;

export const themed = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(name);

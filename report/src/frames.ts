// The pictures of physical memory, unpacked.

import type { Run, Zone } from "./run";

export const FREE = 0;

export interface Picture {
  time_ns: number;
  uses: Uint8Array; // of each block, its place in `names`
  fullness: Uint8Array; // 0 to 9
}

export interface Frames {
  framesPerBlock: number;
  firsts: number[]; // the first frame of each block
  names: string[]; // what blocks hold: free, anonymous, ...
  pictures: Picture[];
}

export function framesOf(run: Run): Frames {
  const { frames_per_block: framesPerBlock, stretches, legend, pictures } = run.physical;
  const firsts = stretches.flatMap(([first, blocks]) =>
    Array.from({ length: blocks }, (_, i) => first + i * framesPerBlock),
  );
  const letters = Object.keys(legend);
  const unpack = (runs: string): Omit<Picture, "time_ns"> => {
    const uses = new Uint8Array(firsts.length);
    const fullness = new Uint8Array(firsts.length);
    let at = 0;
    for (const [, times, letter, full] of runs.matchAll(/(\d*)([^\d ])(\d)/g)) {
      const end = at + Number(times || 1);
      uses.fill(letters.indexOf(letter!), at, end);
      fullness.fill(Number(full), at, end);
      at = end;
    }
    return { uses, fullness };
  };
  return {
    framesPerBlock,
    firsts,
    names: Object.values(legend),
    pictures: pictures.map(({ time_ns, runs }) => ({ time_ns, ...unpack(runs) })),
  };
}

export function everUsed(frames: Frames, block: number): boolean {
  return frames.pictures.some(({ fullness }) => fullness[block] !== 0);
}

// The picture with most in use.
export function fullest(frames: Frames): number {
  const used = frames.pictures.map(({ fullness }) => fullness.reduce((a, b) => a + b, 0));
  return used.indexOf(Math.max(...used));
}

// The blocks of a zone; one that lies across two zones is the later one's.
export function blocksOf(frames: Frames, zones: Zone[], zone: Zone): number[] {
  const { firsts, framesPerBlock } = frames;
  const owner = (first: number) =>
    zones
      .filter((z) => z.start_pfn < first + framesPerBlock && first < z.start_pfn + z.spanned)
      .reduce<Zone | undefined>((a, z) => (a && a.start_pfn > z.start_pfn ? a : z), undefined);
  return firsts.map((_, block) => block).filter((block) => owner(firsts[block]!) === zone);
}

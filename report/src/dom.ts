// Elements of the page, made from what they are to hold.

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export interface Column<Row> {
  title: string;
  cell: (row: Row) => Child;
  text?: boolean; // aligned as words are, not as numbers
}

export function table<Row>(columns: Column<Row>[], rows: Row[]): HTMLElement {
  const side = (column: Column<Row>) => ({ class: column.text ? "text" : "number" });
  const head = columns.map((column) =>
    element("th", { ...side(column), scope: "col" }, column.title),
  );
  const body = rows.map((row) =>
    element("tr", {}, ...columns.map((column) => element("td", side(column), column.cell(row)))),
  );
  const whole = element(
    "table",
    {},
    element("thead", {}, element("tr", {}, ...head)),
    element("tbody", {}, ...body),
  );
  return element("div", { class: "scroll", tabindex: "0" }, whole);
}

// A part of the page: what it is, what it shows, and what to see in it.
export function section(id: string, title: string, says: string, ...content: Child[]): HTMLElement {
  return element(
    "section",
    { id },
    element("h2", {}, title),
    ...content,
    element("p", { class: "says" }, says),
  );
}

export interface Entry {
  name: string;
  color: string;
}

export function legend(entries: Entry[]): HTMLElement {
  const items = entries.map(({ name, color }) =>
    element("li", {}, element("i", { style: `background: ${color}` }), name),
  );
  return element("ul", { class: "legend" }, ...items);
}

// A box of text that follows the pointer within `place`.
export class Tooltip {
  private readonly box = element("div", { class: "tooltip", hidden: "" });

  constructor(private readonly place: HTMLElement) {
    place.append(this.box);
  }

  // At `x`, `y` of the place; on whichever side there is room.
  show(x: number, y: number, ...content: Child[]): void {
    this.box.replaceChildren(...content);
    this.box.hidden = false;
    const left = x + 14 + this.box.offsetWidth > this.place.clientWidth;
    this.box.style.left = `${Math.max(0, left ? x - 14 - this.box.offsetWidth : x + 14)}px`;
    this.box.style.top = `${y}px`;
  }

  hide(): void {
    this.box.hidden = true;
  }
}

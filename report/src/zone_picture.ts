// The memory of one zone as a grid: addresses go from left to right and then down, a cell is a
// block of frames. Rows that were never used are folded into a band.

import { themed, USES } from "./colors";
import { element, Tooltip } from "./dom";
import { everUsed, FREE, type Frames } from "./frames";
import { PAGE, type Zone } from "./run";
import { bytes } from "./units";

const LEAST_CELL = 3.5;
const BAND = 20;

interface Row {
  first: number; // number of its first cell, from address 0
  blocks: number[];
  folded: number; // how many rows it stands for; 0: it is one itself
  y: number;
}

export class ZonePicture {
  readonly figure: HTMLElement;
  private readonly canvas = element("canvas");
  private readonly place = element("div", { class: "picture" }, this.canvas);
  private readonly tooltip = new Tooltip(this.place);
  private rows: Row[] = [];
  private columns = 64;
  private cell = LEAST_CELL;
  private shown = 0;

  constructor(
    private readonly frames: Frames,
    zone: Zone,
    private readonly blocks: number[],
  ) {
    const title = `Node ${zone.node} ${zone.zone} `;
    const from = bytes(zone.start_pfn * PAGE);
    const to = bytes((zone.start_pfn + zone.spanned) * PAGE);
    this.figure = element(
      "figure",
      { "data-plot": `physical ${title.trim()}`, "aria-label": `page frames of ${title}` },
      element("h3", {}, title, element("small", {}, `${from} to ${to}`)),
      this.place,
    );
    new ResizeObserver(() => this.layOut()).observe(this.place);
    this.place.addEventListener("pointermove", (event) => this.point(event));
    this.place.addEventListener("pointerleave", () => this.tooltip.hide());
  }

  show(picture: number): void {
    this.shown = picture;
    this.draw();
  }

  private layOut(): void {
    const width = this.place.clientWidth;
    this.columns = 2 ** Math.floor(Math.log2(Math.max(16, width / LEAST_CELL)));
    this.cell = width / this.columns;
    this.rows = this.fold(this.rowsOf());
    const last = this.rows[this.rows.length - 1]!;
    const height = last.y + (last.folded ? BAND : this.cell);
    this.canvas.width = width * devicePixelRatio;
    this.canvas.height = height * devicePixelRatio;
    this.canvas.style.height = `${height}px`;
    this.draw();
  }

  private number(block: number): number {
    return Math.floor(this.frames.firsts[block]! / this.frames.framesPerBlock);
  }

  private rowsOf(): Row[] {
    const rows: Row[] = [];
    for (const block of this.blocks) {
      const first = Math.floor(this.number(block) / this.columns) * this.columns;
      if (rows[rows.length - 1]?.first !== first) rows.push({ first, blocks: [], folded: 0, y: 0 });
      rows[rows.length - 1]!.blocks.push(block);
    }
    return rows;
  }

  // Rows that were never used become one, where there are some of them.
  private fold(rows: Row[]): Row[] {
    const kept: Row[] = [];
    for (const row of rows) {
      const last = kept[kept.length - 1];
      if (row.blocks.some((block) => everUsed(this.frames, block))) kept.push(row);
      else if (last?.folded) {
        last.folded += 1;
        last.blocks.push(...row.blocks);
      } else kept.push({ ...row, blocks: [...row.blocks], folded: 1 });
    }
    let y = 0;
    for (const row of kept) {
      row.y = y;
      y += row.folded ? BAND : this.cell;
    }
    return kept;
  }

  private draw(): void {
    const context = this.canvas.getContext("2d")!;
    const picture = this.frames.pictures[this.shown];
    if (!picture) return;
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const free = themed("--free");
    for (const row of this.rows) {
      if (row.folded) {
        this.drawBand(context, row);
        continue;
      }
      for (const block of row.blocks) {
        const box = this.boxOf(row, block);
        context.fillStyle = free;
        context.fillRect(...box);
        const use = picture.uses[block]!;
        if (use === FREE) continue;
        context.globalAlpha = 0.4 + picture.fullness[block]! / 15;
        context.fillStyle = USES[this.frames.names[use]!] ?? "red";
        context.fillRect(...box);
        context.globalAlpha = 1;
      }
    }
  }

  // Where a cell lies: x, y, width, height, in whole pixels, with a line between cells.
  private boxOf(row: Row, block: number): [number, number, number, number] {
    const snapped = (at: number) => Math.round(at * devicePixelRatio) / devicePixelRatio;
    const column = this.number(block) - row.first;
    const [left, right] = [snapped(column * this.cell), snapped((column + 1) * this.cell)];
    const [top, bottom] = [snapped(row.y), snapped(row.y + this.cell)];
    const line = this.cell >= 3.9 ? 1 / devicePixelRatio : 0;
    return [left, top, right - left - line, bottom - top - line];
  }

  private drawBand(context: CanvasRenderingContext2D, row: Row): void {
    context.fillStyle = themed("--band");
    context.fillRect(0, row.y + 2, this.place.clientWidth, BAND - 4);
    context.fillStyle = themed("--muted");
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    context.fillText(`${this.size(row.blocks.length)} never used`, 8, row.y + BAND / 2);
  }

  private size(blocks: number): string {
    return bytes(blocks * this.frames.framesPerBlock * PAGE);
  }

  private point(event: PointerEvent): void {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const row = this.rows.find((r) => r.y <= y && y < r.y + (r.folded ? BAND : this.cell));
    if (!row || row.folded) return this.tooltip.hide();
    const number = row.first + Math.floor(x / this.cell);
    const block = row.blocks.find((candidate) => this.number(candidate) === number);
    if (block === undefined) return this.tooltip.hide();
    this.tooltip.show(x, y + 12, ...this.tell(block));
  }

  private tell(block: number): Node[] {
    const { firsts, framesPerBlock, names, pictures } = this.frames;
    const picture = pictures[this.shown]!;
    const pfn = firsts[block]!;
    const address = `0x${(pfn * PAGE).toString(16)}`;
    const full = picture.fullness[block]!;
    const share = framesPerBlock === 1 ? "" : `, about ${Math.round((100 * full) / 9)} % in use`;
    const frames =
      framesPerBlock === 1 ? `page frame ${pfn}` : `page frames ${pfn} to ${pfn + framesPerBlock - 1}`;
    return [
      element("b", {}, `${names[picture.uses[block]!]}${full === 0 ? "" : share}`),
      element("div", {}, frames),
      element("div", {}, `at ${address}`),
    ];
  }
}

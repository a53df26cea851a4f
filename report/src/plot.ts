// A plot of series over virtual time, drawn by uPlot. All of a page have one cursor, and mark the
// moment that the picture of memory shows.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { themed } from "./colors";
import { element, legend, Tooltip } from "./dom";
import type { Moment } from "./moment";
import { time, timeUnit } from "./units";

export interface Line {
  name: string;
  color: string;
  values: (number | null)[]; // null: there is none
  dashed?: boolean;
}

export interface PlotOptions {
  name: string; // for whoever looks for the plot in the page
  times_ns: number[];
  lines: Line[];
  show: (value: number) => string; // with its unit
  moment: Moment;
  stacked?: boolean;
  log?: boolean;
  binary?: boolean; // values are bytes: the axis has steps of powers of two
  steps?: boolean; // each value is of the time since the one before
  height?: number;
}

const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

// Each line on top of those before it.
function stack(lines: Line[]): number[][] {
  let below: number[] | undefined;
  return lines.map(({ values }) => (below = values.map((value, i) => (value ?? 0) + (below?.[i] ?? 0))));
}

function seriesOf(options: PlotOptions): uPlot.Series[] {
  const paths = options.steps ? uPlot.paths.stepped!({ align: -1 }) : undefined;
  const drawn = options.lines.map(({ name, color, dashed }) => ({
    label: name,
    stroke: color,
    width: options.stacked ? 1 : 2,
    fill: options.stacked ? `${color}b0` : undefined,
    dash: dashed ? [6, 4] : undefined,
    points: { show: false },
    paths,
  }));
  return [{}, ...drawn];
}

function axesOf(options: PlotOptions): uPlot.Axis[] {
  const line = {
    stroke: () => themed("--muted"),
    grid: { stroke: () => themed("--grid"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const unit = timeUnit(options.times_ns[options.times_ns.length - 1] ?? 0);
  const show = (_: uPlot, splits: (number | null)[]) =>
    splits.map((value) => (value === null ? "" : options.show(value)));
  return [
    { ...line, label: `virtual time, ${unit.name}`, labelSize: 20, labelFont: line.font, size: 34 },
    { ...line, values: show, size: 76, ...(options.binary && { incrs: POWERS_OF_TWO }) },
  ];
}

// From the least to the most there is, and a little more; from 0 but for logarithms.
function rangeOf(options: PlotOptions, drawn: (number | null)[][]): uPlot.Range.MinMax {
  let most = 0;
  let least = Infinity;
  for (const values of drawn)
    for (const value of values) {
      most = Math.max(most, value ?? 0);
      if (value) least = Math.min(least, value);
    }
  if (!options.log) return [0, most === 0 ? 1 : most * 1.06];
  return [2 ** Math.floor(Math.log2(least * 0.8)), 2 ** Math.ceil(Math.log2(most * 1.05))];
}

// A line where the moment is.
function mark(moment: Moment, unitNs: number): (u: uPlot) => void {
  return (u) => {
    const x = u.valToPos(moment.time_ns / unitNs, "x", true);
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) return;
    u.ctx.fillStyle = themed("--mark");
    u.ctx.fillRect(x - devicePixelRatio, u.bbox.top, 2 * devicePixelRatio, u.bbox.height);
  };
}

function tell(options: PlotOptions, i: number): Node[] {
  const there = options.lines.filter(({ values }) => values[i] !== null);
  const rows = there.map(({ name, color, values }) =>
    element(
      "li",
      {},
      element("i", { style: `background: ${color}` }),
      `${name} `,
      element("b", {}, options.show(values[i] ?? 0)),
    ),
  );
  if (options.stacked) rows.reverse();
  return [element("b", {}, time(options.times_ns[i]!)), element("ul", {}, ...rows)];
}

export function plot(options: PlotOptions): HTMLElement {
  const place = element("div", { class: "plot" });
  const figure = element(
    "figure",
    { "data-plot": options.name, "aria-label": `${options.name} over time` },
    legend(options.lines),
    place,
  );
  const unit = timeUnit(options.times_ns[options.times_ns.length - 1] ?? 0);
  const drawn = options.stacked ? stack(options.lines) : options.lines.map(({ values }) => values);
  const range = rangeOf(options, drawn);
  const tooltip = new Tooltip(place);
  const height = options.height ?? 260;
  const u = new uPlot(
    {
      width: 400,
      height,
      legend: { show: false },
      padding: [8, 12, 0, 0],
      cursor: {
        sync: { key: "time" },
        drag: { x: false, y: false },
        points: { show: false },
      },
      scales: { x: { time: false }, y: { range, ...(options.log && { distr: 3, log: 2 }) } },
      axes: axesOf(options),
      series: seriesOf(options),
      bands: options.stacked ? drawn.slice(1).map((_, i) => ({ series: [i + 2, i + 1] })) : [],
      hooks: {
        draw: [mark(options.moment, unit.ns)],
        setCursor: [
          (self) => {
            const { left = -1, top = -1, idx } = self.cursor;
            if (idx == null || left < 0 || !place.matches(":hover")) return tooltip.hide();
            const at = self.over.offsetLeft + left;
            tooltip.show(at, self.over.offsetTop + Math.min(top, 40), ...tell(options, idx));
          },
        ],
      },
    },
    [options.times_ns.map((at) => at / unit.ns), ...drawn],
    place,
  );
  u.over.addEventListener("click", () => {
    if (u.cursor.idx != null) options.moment.time_ns = options.times_ns[u.cursor.idx]!;
  });
  new ResizeObserver(() => u.setSize({ width: place.clientWidth, height })).observe(place);
  options.moment.watch(() => u.redraw(false, false));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => u.redraw());
  return figure;
}

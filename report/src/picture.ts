// Physical memory over time: each zone's picture, and the slider that chooses the moment.

import { USES } from "./colors";
import { element, legend, section } from "./dom";
import { blocksOf, FREE, framesOf, fullest } from "./frames";
import type { Moment } from "./moment";
import { PAGE, type Run } from "./run";
import { bytes, time } from "./units";
import { ZonePicture } from "./zone_picture";

const FRAME_MS = 140;

// Chooses one of the pictures, by hand or as time goes by.
function slider(times_ns: number[], moment: Moment): HTMLElement {
  const last = times_ns.length - 1;
  const input = element("input", {
    type: "range",
    min: "0",
    max: String(last),
    "aria-label": "moment of the run",
  });
  const button = element("button", { type: "button", "aria-label": "play" }, "▶");
  const output = element("output");
  let timer: number | undefined;
  const choose = (picture: number) => (moment.time_ns = times_ns[picture]!);
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    button.textContent = "▶";
  };
  const step = () => (Number(input.value) === last ? stop() : choose(Number(input.value) + 1));
  button.addEventListener("click", () => {
    if (timer !== undefined) return stop();
    if (Number(input.value) === last) choose(0);
    button.textContent = "❚❚";
    timer = window.setInterval(step, FRAME_MS);
  });
  input.addEventListener("input", () => choose(Number(input.value)));
  moment.watch((time_ns) => {
    input.value = String(pictureAt(times_ns, time_ns));
    output.textContent = time(times_ns[Number(input.value)]!);
  });
  return element("div", { class: "slider" }, button, input, output);
}

// The last picture that is not later.
function pictureAt(times_ns: number[], time_ns: number): number {
  const later = times_ns.findIndex((picture_ns) => picture_ns > time_ns);
  return later === -1 ? times_ns.length - 1 : Math.max(0, later - 1);
}

export function picture(run: Run, moment: Moment): HTMLElement {
  const frames = framesOf(run);
  const times_ns = frames.pictures.map(({ time_ns }) => time_ns);
  const pictures = run.zones
    .map((zone) => ({ zone, blocks: blocksOf(frames, run.zones, zone) }))
    .filter(({ blocks }) => blocks.length > 0)
    .map(({ zone, blocks }) => new ZonePicture(frames, zone, blocks));
  const uses = frames.names.map((name, i) => ({
    name,
    color: i === FREE ? "var(--free)" : (USES[name] ?? "red"),
  }));
  const chosen = slider(times_ns, moment);
  moment.watch((time_ns) => {
    for (const zone of pictures) zone.show(pictureAt(times_ns, time_ns));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    moment.time_ns = moment.time_ns;
  });
  moment.time_ns = times_ns[fullest(frames)]!;
  const cell =
    frames.framesPerBlock === 1
      ? "a page frame, coloured by what it holds"
      : `${frames.framesPerBlock} page frames (${bytes(frames.framesPerBlock * PAGE)}), coloured by ` +
        "what most of those in use hold, the stronger the fuller";
  return section(
    "picture",
    "Physical memory",
    `Each cell is ${cell}; addresses go from left to right and then down. Move the slider: ` +
      "programs take frames where the page allocator has them, give them back when they end, and " +
      "leave the page cache behind.",
    legend(uses),
    chosen,
    ...pictures.map(({ figure }) => figure),
  );
}

// Free memory of each zone against its watermarks.

import { nth, WATERMARKS } from "./colors";
import { element, section } from "./dom";
import type { Moment } from "./moment";
import { plot } from "./plot";
import { PAGE, type Run, type Zone } from "./run";
import { bytes, pages } from "./units";

function zonePlot(run: Run, zone: Zone, number: number, moment: Moment): HTMLElement {
  const free = run.samples.free[number]!.values;
  const least = Math.min(...free);
  const level = (mark: "min" | "low" | "high") => ({
    name: mark,
    color: WATERMARKS[mark],
    values: free.map(() => zone[mark] * PAGE),
    dashed: true,
  });
  return element(
    "div",
    {},
    element("h3", {}, `Node ${zone.node} ${zone.zone} `, element("small", {}, pages(zone.managed))),
    plot({
      name: `free node ${zone.node} ${zone.zone}`,
      times_ns: run.samples.times_ns,
      lines: [
        { name: "free", color: nth(0), values: free.map((value) => value * PAGE) },
        level("high"),
        level("low"),
        level("min"),
      ],
      show: bytes,
      moment,
      log: true,
      height: 210,
    }),
    element(
      "p",
      { class: "note" },
      least >= zone.high
        ? `Never below high: ${pages(least)} were always free.`
        : `Least free: ${pages(least)}, ` +
            (least < zone.min ? "below min." : least < zone.low ? "below low." : "below high."),
    ),
  );
}

export function free(run: Run, moment: Moment): HTMLElement {
  return section(
    "free",
    "Free memory against watermarks",
    "The blue line falls as pages are taken; the axis is logarithmic, so that what matters near " +
      "the watermarks can be seen. Below low kswapd is woken, below min only those may take " +
      "pages who free some by it, and at high kswapd rests again.",
    element("div", { class: "grid" }, ...run.zones.map((zone, i) => zonePlot(run, zone, i, moment))),
  );
}

// What memory is used for, over time.

import { USES } from "./colors";
import { element, section } from "./dom";
import type { Moment } from "./moment";
import { plot, type Line } from "./plot";
import { PAGE, type Run } from "./run";
import { bytes } from "./units";

function bytesOf(run: Run, name: string): number[] {
  const values = run.samples.memory.find((series) => series.name === name)?.values ?? [];
  return values.map((value) => value * PAGE);
}

function line(run: Run, name: string): Line {
  return { name, color: USES[name]!, values: bytesOf(run, name) };
}

// Linux counts shared memory among the page cache; here each page is in one of them.
function cacheWithoutShared(run: Run): Line {
  const shared = bytesOf(run, "shared memory");
  const values = bytesOf(run, "page cache").map((value, i) => Math.max(0, value - shared[i]!));
  return { ...line(run, "page cache"), values };
}

export function memory(run: Run, moment: Moment): HTMLElement {
  const common = { times_ns: run.samples.times_ns, show: bytes, moment, binary: true };
  const uses = plot({
    ...common,
    name: "memory",
    lines: [
      line(run, "page tables"),
      line(run, "shared memory"),
      cacheWithoutShared(run),
      line(run, "anonymous"),
    ],
    stacked: true,
  });
  const cache = plot({
    ...common,
    name: "page cache",
    lines: [line(run, "mapped"), line(run, "dirty"), line(run, "write-back")],
    height: 180,
  });
  return section(
    "memory",
    "What memory is used for",
    "Above, the pages of programs' own memory and of files, one on top of the other: anonymous " +
      "memory goes when its process ends, the page cache stays. Below, how much of the page " +
      "cache processes have mapped, and how much is yet to be written, or being written, to disk.",
    uses,
    element("h3", {}, "Mapped, dirty, under write-back"),
    cache,
  );
}

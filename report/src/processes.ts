// Processes: what each had in memory, when it lived, and how it ended.

import { nth } from "./colors";
import { element, section, table } from "./dom";
import type { Moment } from "./moment";
import { plot } from "./plot";
import { PAGE, type Process, type Run } from "./run";
import { bytes, count, pages, shortCount, time } from "./units";

const MOST_LINES = 10;

// When it lived, as a part of the run.
function life(run: Run, process: Process): HTMLElement {
  const end = process.ended_ns || run.time_ns;
  const left = (100 * process.started_ns) / run.time_ns;
  const width = (100 * (end - process.started_ns)) / run.time_ns;
  const title = `${time(process.started_ns)} to ${time(end)}`;
  return element(
    "span",
    { class: "life", title },
    element("i", { style: `left: ${left}%; width: ${Math.max(width, 0.5)}%` }),
  );
}

function processTable(run: Run): HTMLElement {
  return table<Process>(
    [
      { title: "pid", cell: ({ pid }) => String(pid) },
      { title: "process", text: true, cell: ({ name }) => name },
      { title: "ended", text: true, cell: ({ state, why }) => (why ? `${state}: ${why}` : state) },
      { title: "lived", text: true, cell: (process) => life(run, process) },
      { title: "accesses", cell: ({ accesses }) => shortCount(accesses) },
      { title: "minor faults", cell: ({ minor_faults }) => count(minor_faults) },
      { title: "major", cell: ({ major_faults }) => count(major_faults) },
      { title: "most resident", cell: ({ peak_resident }) => pages(peak_resident) },
      { title: "anonymous", cell: ({ anonymous }) => pages(anonymous) },
      { title: "of files", cell: ({ file }) => pages(file) },
      { title: "shared", cell: ({ shared_memory }) => pages(shared_memory) },
    ],
    run.processes,
  );
}

export function processes(run: Run, moment: Moment): HTMLElement {
  const largest = run.samples.resident
    .map((series) => ({ ...series, most: Math.max(...series.values) }))
    .sort((a, b) => b.most - a.most)
    .slice(0, MOST_LINES);
  const lines = largest.map(({ name, values }, i) => ({
    name,
    color: nth(i),
    values: values.map((value) => (value === 0 ? null : value * PAGE)),
  }));
  return section(
    "processes",
    "Memory of each process",
    "Resident memory of the processes that had most; pages that several of them share count in " +
      "each. In the table, anonymous, of files and shared are what a process had just before its " +
      "end.",
    plot({
      name: "processes",
      times_ns: run.samples.times_ns,
      lines,
      show: bytes,
      moment,
      binary: true,
    }),
    processTable(run),
  );
}

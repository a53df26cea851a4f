// The head of the page: what ran where, and what came of it; and the machine's zones.

import { element, section, table } from "./dom";
import type { Run, Zone } from "./run";
import { bytes, count, pages, percent, shortCount, time } from "./units";
import { PAGE } from "./run";

const fileName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const sum = (values: number[]): number => values.reduce((a, b) => a + b, 0);

function tile(value: string, what: string, more: string): HTMLElement {
  return element("li", {}, element("b", {}, value), what, element("small", {}, more));
}

export function head(run: Run): HTMLElement {
  const memory = pages(sum(run.zones.map((zone) => zone.managed)));
  const faults = sum(Object.values(run.faults));
  const major = sum(run.processes.map((process) => process.major_faults));
  const killed = run.processes.filter((process) => process.state !== "exited").length;
  const least = Math.min(
    ...run.samples.times_ns.map((_, i) => sum(run.samples.free.map(({ values }) => values[i]!))),
  );
  return element(
    "header",
    {},
    element("p", { class: "brand" }, "Quire report"),
    element("h1", {}, run.workloads.map(fileName).join(", ")),
    element(
      "p",
      { class: "lead" },
      `on ${run.machine.name || "a machine"}: ${memory} in ${plural(run.machine.nodes, "node")}, ` +
        `${plural(run.machine.cpu_nodes.length, "CPU")}. Seed ${run.seed}; ${run.end} after ` +
        `${time(run.time_ns)} of virtual time.`,
    ),
    element(
      "ul",
      { class: "tiles" },
      tile(count(run.processes.length), run.processes.length === 1 ? "process" : "processes",
        killed === 0 ? "all exited by themselves" : `${killed} did not exit by themselves`),
      tile(shortCount(run.accesses), "accesses", "reads, writes, fetches"),
      tile(count(faults), "page faults", `${count(major)} of them major`),
      tile(percent(run.tlb.walks, run.tlb.accesses), "TLB misses",
        `page walks, of ${shortCount(run.tlb.accesses)} translations`),
      tile(pages(least), "least free", `of ${memory} that the allocator manages`),
    ),
  );
}

// "CPUs 0, 1 are node 0's"
function cpusOf(run: Run): string {
  const nodes = [...new Set(run.machine.cpu_nodes)].sort((a, b) => a - b);
  const cpus = (node: number) =>
    run.machine.cpu_nodes.flatMap((of, cpu) => (of === node ? [cpu] : [])).join(", ");
  return nodes.map((node) => `CPUs of node ${node}: ${cpus(node)}.`).join(" ");
}

export function zones(run: Run): HTMLElement {
  const shown = table<Zone>(
    [
      { title: "zone", text: true, cell: (zone) => `node ${zone.node} ${zone.zone}` },
      { title: "begins at", cell: (zone) => bytes(zone.start_pfn * PAGE) },
      { title: "spanned", cell: (zone) => pages(zone.spanned) },
      { title: "present", cell: (zone) => pages(zone.present) },
      { title: "managed", cell: (zone) => pages(zone.managed) },
      { title: "min", cell: (zone) => pages(zone.min) },
      { title: "low", cell: (zone) => pages(zone.low) },
      { title: "high", cell: (zone) => pages(zone.high) },
    ],
    run.zones,
  );
  return section(
    "machine",
    "The machine's zones",
    "What the boot made of the machine's memory: a zone's managed pages are those the page " +
      "allocator hands out; min, low and high are its watermarks.",
    shown,
    element("p", { class: "note" }, cpusOf(run)),
  );
}

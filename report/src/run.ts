// What `quire run` says of a run: docs/REPORT.md describes each key. Pages are of 4 KiB, times are
// ns of the machine's virtual time.

export interface Zone {
  node: number;
  zone: string;
  start_pfn: number;
  spanned: number;
  present: number;
  managed: number;
  min: number;
  low: number;
  high: number;
}

export interface Process {
  pid: number;
  parent: number;
  name: string;
  state: string;
  why: string;
  started_ns: number;
  ended_ns: number;
  accesses: number;
  minor_faults: number;
  major_faults: number;
  peak_resident: number;
  anonymous: number;
  file: number;
  shared_memory: number;
}

export interface Series {
  name: string;
  values: number[];
}

export interface Physical {
  frames_per_block: number;
  stretches: [number, number][]; // of neighbouring blocks: their first frame, and how many
  legend: Record<string, string>;
  pictures: { time_ns: number; runs: string }[]; // of like blocks: "24a9"
}

export interface Run {
  format: number;
  machine: { name: string; nodes: number; cpu_nodes: number[] };
  seed: number;
  workloads: string[];
  end: string;
  time_ns: number;
  accesses: number;
  tlb: { accesses: number; second_level_hits: number; walks: number };
  faults: Record<string, number>;
  zones: Zone[];
  processes: Process[];
  samples: {
    times_ns: number[];
    free: Series[];
    faults: Series[];
    memory: Series[];
    tlb: Series[];
    resident: Series[];
  };
  physical: Physical;
  messages: string[];
}

export const PAGE = 4096;

// The data that the tool has put into the page; null where it has not.
export function readRun(): Run | null {
  const run: unknown = JSON.parse(document.getElementById("run")!.textContent!);
  return typeof run === "object" ? (run as Run) : null;
}

// Sums that grow over time, as what was added meanwhile.

import type { Series } from "./run";

export interface Rates {
  times_ns: number[];
  series: Series[]; // a second of virtual time
}

// In at most `most` stretches of time: each value is that of the time which ends there, and the
// first one begins with the run.
export function ratesOf(times_ns: number[], sums: Series[], most = 120): Rates {
  const last = times_ns.length - 1;
  const ends: number[] = [];
  let next_ns = 0;
  times_ns.forEach((time_ns, i) => {
    if (i !== last && (i === 0 || time_ns < next_ns)) return;
    ends.push(i);
    next_ns = time_ns + times_ns[last]! / most;
  });
  const since = (values: number[], k: number) =>
    values[ends[k]!]! - (k === 0 ? 0 : values[ends[k - 1]!]!);
  const rates = ({ name, values }: Series): Series => {
    const each = ends.map((_, k) => (since(values, k) * 1e9) / Math.max(1, since(times_ns, k)));
    return { name, values: [each[0]!, ...each] };
  };
  return { times_ns: [0, ...ends.map((i) => times_ns[i]!)], series: sums.map(rates) };
}

// How often the translation caches had what an access needed.

import { nth } from "./colors";
import { section } from "./dom";
import type { Moment } from "./moment";
import { plot } from "./plot";
import { ratesOf } from "./rates";
import type { Run } from "./run";

export function tlb(run: Run, moment: Moment): HTMLElement {
  const rates = ratesOf(run.samples.times_ns, run.samples.tlb);
  const [accesses, second, walks] = rates.series.map(({ values }) => values);
  const share = (part: number[]) =>
    part.map((value, i) => (accesses![i] === 0 ? 0 : (100 * value) / accesses![i]!));
  return section(
    "tlb",
    "Translation caches (TLB)",
    "Of the translations that the CPUs asked for, those that the first level did not have: the " +
      "second level had it, or the page tables were walked. Walks stay few while the pages in " +
      "use fit the caches, and rise with random access and after each switch to a new program.",
    plot({
      name: "tlb",
      times_ns: rates.times_ns,
      lines: [
        { name: "page walk", color: nth(6), values: share(walks!) },
        { name: "second level", color: nth(2), values: share(second!) },
      ],
      show: (value) => `${Number(value.toPrecision(3))} %`,
      moment,
      stacked: true,
      steps: true,
    }),
  );
}

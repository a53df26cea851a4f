// Page faults: how many of which kind, and when.

import { nth } from "./colors";
import { element, section } from "./dom";
import type { Moment } from "./moment";
import { plot } from "./plot";
import { ratesOf } from "./rates";
import type { Run } from "./run";
import { count, percent, shortCount } from "./units";

const MEANING: Record<string, string> = {
  anonymous: "a new page of zeros",
  zero_page: "the page of zeros that all share, for a read",
  zero_write: "a new page where that one was",
  copy: "a copy of a page that others have too",
  reuse: "written in place: nobody else has it any more",
  file_mapped: "a file's page that was in the page cache",
  file_read: "a file's page that had to be read: a major fault",
  file_copy: "a file's page, written to and so copied",
  shared_write: "the first write to a shared page",
  spurious: "nothing was to be done",
};

interface Kind {
  name: string;
  color: string;
  number: number;
}

function bars(kinds: Kind[]): HTMLElement {
  const all = kinds.reduce((sum, { number }) => sum + number, 0);
  const most = Math.max(...kinds.map(({ number }) => number));
  const rows = kinds.map(({ name, color, number }) =>
    element(
      "li",
      {},
      element("span", {}, element("b", {}, name), ` ${MEANING[name] ?? ""}`),
      element("span", { class: "number" }, `${count(number)} · ${percent(number, all)}`),
      element("i", { style: `background: ${color}; width: ${(100 * number) / most}%` }),
    ),
  );
  return element("ul", { class: "bars", "data-plot": "fault kinds" }, ...rows);
}

export function faults(run: Run, moment: Moment): HTMLElement {
  const kinds = Object.entries(run.faults)
    .map(([name, number], i) => ({ name, number, color: nth(i) }))
    .filter(({ number }) => number > 0);
  const rates = ratesOf(run.samples.times_ns, run.samples.faults);
  const lines = kinds.map(({ name, color }) => ({
    name,
    color,
    values: rates.series.find((series) => series.name === name)!.values.map((rate) => rate / 1e3),
  }));
  return section(
    "faults",
    "Page faults by kind",
    "When programs touch what they have no page for, or may not write: a peak is a program that " +
      "starts, grows or forks. The bars count the whole run; a fault that has to read from disk " +
      "(file_read) is the dear kind.",
    plot({
      name: "faults",
      times_ns: rates.times_ns,
      lines,
      show: (value) => `${shortCount(value)}/ms`,
      moment,
      stacked: true,
      steps: true,
    }),
    bars(kinds),
  );
}

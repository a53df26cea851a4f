// What the machine's kernel said.

import { element, section } from "./dom";
import type { Run } from "./run";

export function log(run: Run): HTMLElement {
  const lines = run.messages.length === 0 ? "(nothing)" : run.messages.join("\n");
  return section(
    "log",
    "Kernel log",
    "What Linux would have written into its log meanwhile; allocations that failed and processes " +
      "that were killed for memory are here.",
    element("pre", { class: "scroll", tabindex: "0" }, lines),
  );
}

// The page: its parts, from what everybody asks first to what few do.

import "./style.css";
import { element } from "./dom";
import { faults } from "./faults";
import { free } from "./free";
import { head, zones } from "./machine";
import { memory } from "./memory";
import { Moment } from "./moment";
import { picture } from "./picture";
import { processes } from "./processes";
import { readRun, type Run } from "./run";
import { tlb } from "./tlb";
import { log } from "./log";

const FORMAT = 1;

function parts(run: Run): HTMLElement[] {
  const moment = new Moment();
  return [
    head(run),
    picture(run, moment),
    free(run, moment),
    memory(run, moment),
    faults(run, moment),
    tlb(run, moment),
    processes(run, moment),
    zones(run),
    log(run),
  ];
}

const page = document.getElementById("page")!;
const run = readRun();
if (run?.format === FORMAT) {
  document.title = `${run.workloads.join(", ")} on ${run.machine.name}: Quire report`;
  page.append(...parts(run));
} else {
  page.append(element("p", {}, "There is no run in this page: quire run --report makes one."));
}

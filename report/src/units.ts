// Numbers as people read them.

import { PAGE } from "./run";

const SPACE = "\u00a0"; // a number stays with its unit
const SIZES = ["B", "KiB", "MiB", "GiB", "TiB"];

// Three digits that count, or as many as a whole number has; two behind the point at most.
function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return String(Number(value < 1 ? value.toFixed(2) : value.toPrecision(3)));
}

export function bytes(value: number): string {
  let unit = 0;
  while (value >= 1024 && unit < SIZES.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${digits(value)}${SPACE}${SIZES[unit]}`;
}

export const pages = (count: number): string => bytes(count * PAGE);

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");

export function shortCount(value: number): string {
  for (const [size, name] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const)
    if (value >= size) return `${digits(value / size)}${SPACE}${name}`;
  return digits(value);
}

export const percent = (part: number, whole: number): string =>
  `${digits(whole === 0 ? 0 : (100 * part) / whole)}${SPACE}%`;

export interface TimeUnit {
  ns: number;
  name: string;
}

// The largest unit of which there is at least one.
export function timeUnit(ns: number): TimeUnit {
  for (const unit of [
    { ns: 1e9, name: "s" },
    { ns: 1e6, name: "ms" },
    { ns: 1e3, name: "µs" },
  ])
    if (ns >= unit.ns) return unit;
  return { ns: 1, name: "ns" };
}

export function time(ns: number): string {
  const unit = timeUnit(ns);
  return `${digits(ns / unit.ns)}${SPACE}${unit.name}`;
}

// The filters of a call that changes many tasks, in words.

import { moment } from "./formats.js";
import { text } from "./page.js";

export const TIMES = ["since", "until", "ended_since", "ended_until"];
const PATTERNS = ["task_name", "args", "kwargs", "arguments", "metadata", "result", "error", "not_task_names", "not_arguments", "not_metadata", "not_results", "not_errors"];

function said(name, value) {
  // A time with the zone in which it is told.
  if (TIMES.includes(name)) return `${moment.format(Date.parse(value))} (${moment.resolvedOptions().timeZone})`;
  if (name === "status" || name === "state") return value.split(",").map((one) => text(`in_state.${one}`)).join(", ");
  return PATTERNS.includes(name) ? value.replace(/\\(.)/g, "$1") : value;
}

// A sentence for each filter in `chosen`, the parameters of the call.
export function inWords(chosen) {
  return [...chosen].map(([name, value]) => text(`filter.${name}`, { value: said(name, value) }));
}

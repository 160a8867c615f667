// The lanes of a task's history on their time axis. They grow while a step continues.

import { counting } from "./formats.js";
import { now } from "./times.js";

const TICKS = 5; // approximate number of marks, as in `dashboard/parts/task_page/gantt.py`
const TICK_MS = 1000;
const LAST_PERCENT = 92; // a mark after it ends at its place
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000,
  864000, 1728000, 8640000, 86400000, 864000000];

function label(seconds) {
  return seconds ? counting(seconds).replace(/ 0 \w+$/, "") : "0";
}

function drawAxis(axis, length) {
  const step = STEPS.find((one) => length / one <= TICKS) ?? STEPS.at(-1);
  const marks = [];
  for (let at = 0; at <= length; at += step) {
    const mark = document.createElementNS("http://www.w3.org/2000/svg", "text");
    const x = (100 * at) / length;
    mark.setAttribute("x", `${x.toFixed(3)}%`);
    mark.setAttribute("y", "12");
    mark.setAttribute("class", at ? (x > LAST_PERCENT ? "last" : "") : "first");
    mark.textContent = label(at);
    marks.push(mark);
  }
  axis.replaceChildren(...marks);
}

function draw(table) {
  const pieces = [...table.querySelectorAll("rect")];
  const ends = pieces.map((piece) => Number(piece.dataset.end ?? piece.dataset.begin));
  const length = Math.max((now() - Date.parse(table.dataset.gantt)) / 1000, ...ends, 1);
  for (const piece of pieces) {
    const begin = Number(piece.dataset.begin);
    const end = Number(piece.dataset.end ?? length);
    piece.setAttribute("x", `${((100 * begin) / length).toFixed(3)}%`);
    piece.setAttribute("width", `${(Math.max(100 * (end - begin), 0) / length).toFixed(3)}%`);
  }
  drawAxis(table.querySelector(".axis"), length);
}

// Draws the lanes in `part` that grow, as of now.
export function drawBars(part) {
  part.querySelectorAll("[data-gantt][data-open]").forEach(draw);
}

setInterval(() => {
  if (!document.hidden) drawBars(document);
}, TICK_MS);

// The bar of a task's waiting and running time. It grows while a step continues.

import { now } from "./times.js";

const MIN_PERCENT = 0.8; // percent of the bar, for a very short step
const TICK_MS = 1000;

function draw(bar) {
  const pieces = [...bar.querySelectorAll("rect")];
  if (!pieces.some((piece) => piece.dataset.since)) return;
  const seconds = pieces.map((piece) =>
    piece.dataset.since ? Math.max(0, now() - Date.parse(piece.dataset.since)) / 1000 : Number(piece.dataset.seconds),
  );
  const total = seconds.reduce((sum, one) => sum + one, 0);
  const least = Math.min(MIN_PERCENT, 50 / pieces.length);
  let x = 0;
  pieces.forEach((piece, index) => {
    const share = total ? seconds[index] / total : 1 / pieces.length;
    const width = least + (100 - least * pieces.length) * share;
    piece.setAttribute("x", x.toFixed(3));
    piece.setAttribute("width", width.toFixed(3));
    x += width;
  });
}

// Draws the bars in `part` as of now.
export function drawBars(part) {
  part.querySelectorAll("svg[data-bar]").forEach(draw);
}

setInterval(() => {
  if (!document.hidden) drawBars(document);
}, TICK_MS);

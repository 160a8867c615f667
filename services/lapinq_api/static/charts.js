// Line charts, by uPlot. An element's data-chart says what to draw: times in seconds since 1970, and each line's name,
// colour (a CSS variable) and values. uPlot draws into the .plot inside it.

import { clock, compact, day, moment } from "./formats.js";
import { text } from "./page.js";
import uPlot from "./vendor/uPlot.esm.js";

const HEIGHT = 190;
const drawn = new Map(); // element → its plot and data
const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const plot = drawn.get(target)?.plot;
    if (plot && plot.width !== target.clientWidth) plot.setSize({ width: target.clientWidth, height: HEIGHT });
  }
});

// A CSS variable's colour in the current theme, for the canvas.
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function seconds(value) {
  if (value < 1) return `${compact(value * 1000)} ms`;
  if (value < 120) return `${compact(value)} s`;
  if (value < 7200) return `${compact(value / 60)} min`;
  return `${compact(value / 3600)} h`;
}

const UNITS = {
  rate: compact,
  seconds,
};

// A tick label of the time axis; ticks are `step` seconds apart.
function instant(time, step) {
  return (step < 86400 ? clock : day).format(time * 1000);
}

function said(value, unit) {
  return value == null ? "–" : UNITS[unit](value);
}

function options(wanted, width) {
  const soft = colour("soft");
  const grid = { stroke: colour("line"), width: 1 };
  const axis = { stroke: soft, grid, ticks: grid, font: "12px system-ui, sans-serif" };
  const tops = wanted.lines.flatMap(([, , values]) => values).filter((value) => value != null);
  return {
    width,
    height: HEIGHT,
    cursor: { sync: { key: "lapinq" }, y: false },
    legend: { live: true },
    scales: { x: { time: true }, y: { range: (_, __, top) => [0, Math.max(top, tops.length ? 0 : 1) * 1.05 || 1] } },
    axes: [
      { ...axis, space: 70, values: (_, ticks, __, ___, step) => ticks.map((tick) => instant(tick, step)) },
      { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => said(tick, wanted.unit)) },
    ],
    series: [
      { label: text("time"), value: (_, time) => (time == null ? "–" : moment.format(time * 1000)) },
      ...wanted.lines.map(([label, name]) => ({
        label,
        stroke: colour(name),
        width: 1.75,
        spanGaps: false,
        points: { size: 5, show: (plot, at) => isLonely(plot.data[at]) },
        value: (_, value) => said(value, wanted.unit),
      })),
    ],
  };
}

// Whether a line has isolated values, without a neighbour to draw a stroke to.
function isLonely(values) {
  return values.some((value, n) => value != null && values[n - 1] == null && values[n + 1] == null);
}

function columns(wanted) {
  return [wanted.times, ...wanted.lines.map(([, , values]) => values)];
}

function draw(element) {
  const source = element.dataset.chart;
  const before = drawn.get(element);
  if (before?.source === source) return;
  const wanted = JSON.parse(source);
  const names = wanted.lines.map(([label]) => label).join("\n");
  if (before && before.names === names) {
    before.source = source;
    before.plot.setData(columns(wanted));
    return;
  }
  before?.plot.destroy();
  const place = element.querySelector(".plot");
  const plot = new uPlot(options(wanted, element.clientWidth), columns(wanted), place);
  drawn.set(element, { plot, source, names });
  sizes.observe(element);
}

function drawAnew() {
  const all = [...drawn]; // a copy, because drawing adds entries, and the loop would never end
  drawn.clear();
  for (const [element, { plot }] of all) {
    plot.destroy();
    draw(element);
  }
}

// Draws the charts in `part`.
export function drawCharts(part = document) {
  for (const element of drawn.keys()) {
    if (!element.isConnected) drawn.delete(element);
  }
  part.querySelectorAll("[data-chart]").forEach(draw);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAnew);
new MutationObserver(drawAnew).observe(document.documentElement, { attributeFilter: ["data-theme"] });

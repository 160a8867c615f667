// Charts, by uPlot. An element's data-chart says what to draw: times in seconds since 1970, and each line's name, colour
// (a CSS variable) and values; bars are stacked, in the order of the lines. uPlot draws into the .plot inside it, whose
// height is fixed, and the values under the pointer are written into the page's own legend, so that nothing moves.

import { clock, compact, day, duration, moment } from "./formats.js";
import { text } from "./page.js";
import uPlot from "./vendor/uPlot.esm.js";

const DAY = 86400;
const PEAK_SHARE = 0.98;
const PEAK_FACTOR = 1.5; // a value above this many times the usual top is cut off, so that it doesn't flatten the rest
const drawn = new Map(); // element → its Chart
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => drawn.get(target)?.fit()));

// A value in words; of an axis, in the unit of its `top`.
function said(value, kind, top = value) {
  if (value == null) return "–";
  if (kind !== "seconds") return compact(value, value && top);
  if (top < 1) return `${compact(value * 1000, top)} ms`;
  return top < 60 || !value ? `${compact(value, top)} s` : duration(value);
}

// A CSS variable's colour in the current theme, for the canvas.
function colour(name) {
  const probe = document.createElement("i");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

// The top of an axis: the largest value, unless a few peaks rise far above all others.
function topOf(values) {
  const sorted = values.filter((value) => value != null).sort((a, b) => a - b);
  const highest = sorted.at(-1) || 1;
  const usual = sorted[Math.ceil(sorted.length * PEAK_SHARE) - 1] || highest;
  return highest > 2 * PEAK_FACTOR * usual ? PEAK_FACTOR * usual : highest;
}

function isLonely(values) {
  return values.some((value, n) => value != null && values[n - 1] == null && values[n + 1] == null);
}

class Chart {
  constructor(element) {
    this.element = element;
    this.zoom = null; // the range of time that was selected
    this.reset = element.querySelector("[data-reset]");
    this.reset?.addEventListener("click", () => showAll(null));
    for (const button of element.querySelectorAll("[data-set]")) {
      button.addEventListener("click", () => this.choose(button.dataset.set));
    }
    this.update();
    sizes.observe(element);
  }

  // Which of several sets of lines is shown.
  choose(set) {
    this.set = set;
    for (const button of this.element.querySelectorAll("[data-set]")) {
      button.setAttribute("aria-pressed", button.dataset.set === set);
    }
    this.source = null;
    this.update();
  }

  update() {
    const source = this.element.dataset.chart;
    if (source === this.source) return;
    this.source = source;
    const wanted = JSON.parse(source);
    const sets = wanted.sets;
    if (sets) {
      this.set ??= Object.keys(sets)[0];
      wanted.lines = sets[this.set];
    }
    const names = wanted.lines.map(([label]) => label).join("\n");
    this.wanted = wanted;
    this.values = wanted.lines.map(([, , values]) => values);
    if (this.plot && names === this.names) {
      this.plot.setData(this.columns(), false);
      this.show(this.zoom);
    } else {
      this.names = names;
      this.draw();
    }
    this.tell();
  }

  draw() {
    this.plot?.destroy();
    const place = this.element.querySelector(".plot");
    this.plot = new uPlot(this.options(place), this.columns(), place);
    this.show(this.zoom);
  }

  // Gives up what would keep it: uPlot listens to the window, and to the pointer over the other charts.
  end() {
    sizes.unobserve(this.element);
    this.plot.destroy();
  }

  fit() {
    const { clientWidth: width, clientHeight: height } = this.element.querySelector(".plot");
    if (width && this.plot.width !== width) this.plot.setSize({ width, height });
  }

  // Stacked, each line is the sum of those up to it; the topmost comes first, and the others are drawn over it.
  columns() {
    if (!this.wanted.stacked) return [this.wanted.times, ...this.values];
    const sums = [];
    for (const values of this.values) {
      const below = sums.at(-1);
      sums.push(values.map((value, n) => (value ?? 0) + (below ? below[n] : 0)));
    }
    return [this.wanted.times, ...sums.reverse()];
  }

  // Shows a range of time; null for all of it.
  show(zoom) {
    this.zoom = zoom;
    if (this.reset) this.reset.hidden = !zoom;
    const { times, width } = this.wanted;
    const edge = this.wanted.stacked ? width / 2 : 0; // half a bar
    const [min, max] = (this.range = zoom ?? [times[0] - edge, times.at(-1) + edge]);
    this.plot.setScale("x", { min, max });
  }

  // The values at a point in the legend; the latest ones while the pointer is elsewhere.
  tell(at = null) {
    const place = at ?? this.wanted.times.length - 1;
    const when = this.element.querySelector("[data-when]");
    if (when) when.textContent = at == null ? text("latest") : moment.format(this.wanted.times[place] * 1000);
    this.element.querySelectorAll("[data-value]").forEach((slot, n) => {
      slot.textContent = said(this.values[n]?.[place], this.wanted.unit);
    });
  }

  options(place) {
    const soft = colour("soft");
    const grid = { stroke: colour("line"), width: 1 };
    const axis = { stroke: soft, grid, ticks: { ...grid, size: 4 }, gap: 4, font: "12px system-ui, sans-serif" };
    const unit = this.wanted.unit;
    const lines = this.wanted.stacked ? [...this.wanted.lines].reverse() : this.wanted.lines;
    return {
      width: place.clientWidth,
      height: place.clientHeight,
      cursor: { sync: { key: "lapinq" }, y: false, points: { show: !this.wanted.stacked } },
      legend: { show: false },
      scales: { x: { time: true }, y: { range: (plot) => [0, topOf(this.shown(plot)) * 1.05] } },
      axes: [
        {
          ...axis,
          size: 28,
          space: 64,
          incrs: (_, __, min, max) => (max - min > 2 * DAY ? [DAY, 2 * DAY, 7 * DAY] : STEPS),
          values: (plot, ticks) => {
            const isLong = plot.scales.x.max - plot.scales.x.min > 2 * DAY;
            return ticks.map((tick) => (isLong ? day : clock).format(tick * 1000));
          },
        },
        {
          ...axis,
          ...(unit === "seconds" && { incrs: DURATIONS }),
          space: 36,
          values: (_, ticks) => ticks.map((tick) => said(tick, unit, ticks.at(-1))),
          size: (plot, values, index, cycle) => (cycle > 1 ? plot.axes[index]._size : widthOf(plot, values)),
        },
      ],
      series: [
        {},
        ...lines.map(([label, name]) => ({
          label,
          stroke: colour(name),
          ...(this.wanted.stacked
            ? { fill: colour(name), width: 0, paths: uPlot.paths.bars({ size: [0.8, 40] }), points: { show: false } }
            : { width: 1.75, spanGaps: false, points: { size: 5, show: (plot, at) => isLonely(plot.data[at]) } }),
        })),
      ],
      hooks: {
        setCursor: [(plot) => this.tell(plot.cursor.idx)],
        setSelect: [
          (plot) => {
            const { left, width } = plot.select;
            if (width > 0) showAll([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
          },
        ],
        draw: [(plot) => this.markPeak(plot)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => showAll(null))],
      },
    };
  }

  // The values in the range of time that is shown: of the topmost line, if they are stacked.
  shown(plot) {
    const [min, max] = this.range ?? [-Infinity, Infinity];
    const lines = this.wanted.stacked ? [plot.data[1]] : plot.data.slice(1);
    const isIn = (_, n) => plot.data[0][n] >= min && plot.data[0][n] <= max;
    return lines.flatMap((values) => values.filter(isIn));
  }

  // Says how high the peak is that rises above the chart.
  markPeak(plot) {
    const values = this.wanted.stacked ? [plot.data[1]] : plot.data.slice(1);
    const highest = Math.max(0, ...this.shown(plot).map((value) => value ?? 0));
    if (highest <= plot.scales.y.max) return;
    const at = values.map((line) => line.indexOf(highest)).find((place) => place >= 0);
    const { ctx, bbox } = plot;
    const words = `▲ ${text("peak", { value: said(highest, this.wanted.unit) })}`;
    ctx.save();
    ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    const half = ctx.measureText(words).width / 2;
    const centre = plot.valToPos(plot.data[0][at], "x", true);
    const x = Math.min(Math.max(centre, bbox.left + half), bbox.left + bbox.width - half);
    ctx.fillStyle = colour("surface");
    ctx.fillRect(x - half - 3, bbox.top, 2 * half + 6, 15 * devicePixelRatio);
    ctx.fillStyle = colour("text");
    ctx.textAlign = "center";
    ctx.fillText(words, x, bbox.top + devicePixelRatio);
    ctx.restore();
  }
}

const STEPS = [1, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 14400, 21600, 43200];
const DURATIONS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800,
  21600, 43200, 86400, 172800, 432000, 864000, 8640000, 86400000,
];

function widthOf(plot, values) {
  plot.ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
  const widest = Math.max(0, ...(values ?? []).map((words) => plot.ctx.measureText(words).width));
  return Math.max(44, Math.ceil(widest / devicePixelRatio) + 12);
}

// All charts show the same range of time.
function showAll(zoom) {
  for (const chart of drawn.values()) chart.show(zoom);
}

// Draws the charts in `part`.
export function drawCharts(part = document) {
  for (const [element, chart] of drawn) {
    if (element.isConnected) continue;
    chart.end();
    drawn.delete(element);
  }
  for (const element of part.querySelectorAll("[data-chart]")) {
    const chart = drawn.get(element);
    if (chart) chart.update();
    else drawn.set(element, new Chart(element));
  }
}

function drawInTheme() {
  for (const chart of drawn.values()) chart.draw();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawInTheme);
new MutationObserver(drawInTheme).observe(document.documentElement, { attributeFilter: ["data-theme"] });

// Numbers and times as the browser's region writes them, in 24 hours. Words are in the page's language.

import { text } from "./page.js";

const language = document.documentElement.lang;
const region = navigator.languages?.[0] ?? language;
const isSpoken = region.split("-")[0] === language; // else the names of months would be in another language
const DIGITS = { numberingSystem: "latn" };
const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...DIGITS };
const DATE = isSpoken ? { day: "numeric", month: "short" } : { day: "2-digit", month: "2-digit" };
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
const SCALES = [[1e3, 1, ""], [1e6, 1e3, " k"], [1e9, 1e6, " M"], [Infinity, 1e9, " G"]];
const digits = new Intl.NumberFormat(region, { maximumSignificantDigits: 3, ...DIGITS });

export const number = new Intl.NumberFormat(region, DIGITS);
export const clock = new Intl.DateTimeFormat(region, CLOCK);
export const clockWithSeconds = new Intl.DateTimeFormat(region, { ...CLOCK, second: "2-digit" });
export const day = new Intl.DateTimeFormat(region, { ...DATE, ...DIGITS });
export const momentToMinute = new Intl.DateTimeFormat(region, { year: "numeric", ...DATE, ...CLOCK });
export const moment = new Intl.DateTimeFormat(region, { year: "numeric", ...DATE, ...CLOCK, second: "2-digit" });

// A number in three digits: "4.2 k". On an axis, all are in thousands if its `top` is.
export function compact(value, top = value) {
  const [, unit, sign] = SCALES.find(([below]) => Math.abs(top) < below);
  return `${digits.format(value / unit)}${sign}`;
}

function inUnits(seconds, isSecondShown) {
  const whole = Math.max(0, Math.floor(seconds));
  const first = Math.max(0, UNITS.findIndex(([unit]) => whole >= unit));
  const [unit, name] = whole ? UNITS[first] : UNITS.at(-1);
  const count = Math.floor(whole / unit);
  const words = `${number.format(count)} ${name}`;
  const next = whole ? UNITS[first + 1] : undefined;
  const rest = next && Math.floor((whole % unit) / next[0]);
  return next && isSecondShown(count, rest) ? `${words} ${rest} ${next[1]}` : words;
}

// A duration in seconds that keeps counting: "42 s", "5 min 0 s", "2 d 23 h".
export function counting(seconds) {
  return inUnits(seconds, () => true);
}

// A duration in seconds, from some seconds on: "42 s", "1 min 40 s", "2 min".
export function duration(seconds) {
  return inUnits(seconds, (_, rest) => rest > 0);
}

// How far away an instant is, in seconds; negative if it is past: "in 2 d 23 h", "12 min ago".
export function distance(seconds) {
  const span = Math.abs(seconds);
  if (span < 1) return text("now");
  return text(seconds < 0 ? "ago" : "ahead", { span: inUnits(span, (count, rest) => count < 10 && rest > 0) });
}

// A text with the count `n`.
export function counted(key, n, values = {}) {
  return text(key, { n, count: number.format(n), ...values });
}

// Times in the user's zone, with exact UTC on hover, and ages that keep counting.

import { clock, clockWithSeconds, counting, distance, moment, momentToMinute } from "./formats.js";

const TICK_MS = 1000;

// The clocks of server and browser may differ. Ages follow the server's.
const ahead = Date.parse(document.documentElement.dataset.now) - performance.timeOrigin - performance.now();
const skew = Math.abs(ahead) > 2000 ? ahead : 0;

export function now() {
  return performance.timeOrigin + performance.now() + skew;
}

function isToday(instant) {
  return new Date(instant).toDateString() === new Date(now()).toDateString();
}

export function clockTime(instant) {
  return isToday(instant) ? clockWithSeconds.format(instant) : moment.format(instant);
}

function said(element, instant) {
  switch (element.dataset.as) {
    case "age": return distance((instant - now()) / 1000);
    case "running": return counting((now() - instant) / 1000);
    case "clock": return clockTime(instant);
    case "minute": return isToday(instant) ? clock.format(instant) : momentToMinute.format(instant);
    default: return moment.format(instant);
  }
}

function tell(element) {
  const instant = Date.parse(element.dateTime);
  const words = said(element, instant);
  if (element.textContent !== words) element.textContent = words;
  const exact = new Date(instant).toISOString().replace("T", " ").replace("Z", " UTC");
  if (element.title !== exact) element.title = exact;
}

// Formats the times in `part` as of now.
export function tellTimes(part) {
  part.querySelectorAll("time[datetime]").forEach(tell);
}

setInterval(() => {
  if (!document.hidden) document.querySelectorAll("time[data-as=age], time[data-as=running]").forEach(tell);
}, TICK_MS);

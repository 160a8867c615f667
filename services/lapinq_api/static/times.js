// Times in the user's zone and language, with exact UTC on hover, and ages that keep counting.

const locale = document.documentElement.lang;
const TICK_MS = 1000;
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
const short = new Intl.DateTimeFormat(locale, { timeStyle: "medium" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "always", style: "narrow" });
const STEPS = [[60, 1, "second"], [3600, 60, "minute"], [172800, 3600, "hour"], [Infinity, 86400, "day"]];

// The clocks of server and browser may differ. Ages follow the server's.
const ahead = Date.parse(document.documentElement.dataset.now) - performance.timeOrigin - performance.now();
const skew = Math.abs(ahead) > 2000 ? ahead : 0;

export function now() {
  return performance.timeOrigin + performance.now() + skew;
}

function age(instant) {
  const seconds = (instant - now()) / 1000;
  const [, unit, name] = STEPS.find(([below]) => Math.abs(seconds) < below);
  return relative.format(Math.trunc(seconds / unit), name);
}

function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

function isToday(instant) {
  return new Date(instant).toDateString() === new Date(now()).toDateString();
}

function said(element, instant) {
  switch (element.dataset.as) {
    case "age": return age(instant);
    case "running": return duration((now() - instant) / 1000);
    case "clock": return isToday(instant) ? short.format(instant) : moment.format(instant);
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

// The log of an attempt, from its plain text: lines with local times, filtered by level and text, which follow the end while
// it runs. Lines stay when the text, of which a running attempt sends only the end, no longer has them.

import { text } from "./page.js";

const RECORD = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (\S+) ?/;
const LEFT_OUT = /^… (\d+) earlier lines left out …\n?/;
const LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];
const INFO = 1; // the place of levels with another name
const MAX_SHOWN = 5000;
const NEAR_END = 8; // pixels

const clock = new Intl.DateTimeFormat(navigator.languages, {
  hourCycle: "h23", hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3,
});
const day = new Intl.DateTimeFormat(navigator.languages, { dateStyle: "medium" });
const logs = new WeakMap(); // section → { raw, first, records, isFollowing }

// The records of a log, and the number of the first: how many are missing before it.
function read(raw) {
  const missing = LEFT_OUT.exec(raw);
  const records = [];
  for (const line of raw.slice(missing?.[0].length ?? 0).split("\n")) {
    const [head, at, name] = RECORD.exec(line) ?? [""];
    if (head || !records.length) {
      const level = LEVELS.indexOf(name);
      records.push({ at: at && Date.parse(at), name: name ?? "", level: level < 0 ? INFO : level, text: line.slice(head.length) });
    } else {
      records.at(-1).text += `\n${line}`;
    }
  }
  return { first: missing ? Number(missing[1]) : 0, records };
}

// Known records before those of the new text.
function merge(known, { first, records }) {
  const begin = first - known.first;
  const continues = begin >= 0 && known.records[begin]?.text === records[0].text;
  if (!continues) return { first, records };
  const all = [...known.records.slice(0, begin), ...records].slice(-MAX_SHOWN);
  return { first: first + records.length - all.length, records: all };
}

function make(name, className, content) {
  const element = document.createElement(name);
  element.className = className;
  element.textContent = content;
  return element;
}

function row(record) {
  const item = make("li", record.level >= 3 ? "error" : record.level === 2 ? "warning" : "", "");
  if (record.at) {
    const time = make("span", "at", clock.format(record.at));
    time.title = new Date(record.at).toISOString().replace("T", " ").replace("Z", " UTC");
    item.append(time, " ");
  }
  if (record.name) item.append(make("b", "level", record.name), " ");
  item.append(make("span", "words", record.text));
  return item;
}

function draw(section, log) {
  const list = section.querySelector("[data-lines]");
  const wanted = section.querySelector("[data-log-text]").value.trim().toLowerCase();
  const least = Number(section.querySelector("[data-log-level]").value);
  const shown = log.records.filter((one) => one.level >= least && one.text.toLowerCase().includes(wanted));
  const rows = [];
  if (log.first) rows.push(make("li", "note", text("lines_left_out", { n: log.first })));
  let date = "";
  for (const record of shown) {
    const its = record.at ? day.format(record.at) : date;
    if (its !== date) rows.push(make("li", "note", its));
    date = its;
    rows.push(row(record));
  }
  list.replaceChildren(...rows);
  section.querySelector("[data-log-count]").textContent =
    shown.length === log.records.length ? "" : text("lines_of", { n: shown.length, all: log.records.length });
  if (log.isFollowing) list.scrollTop = list.scrollHeight;
}

function begin(section) {
  const list = section.querySelector("[data-lines]");
  const follow = section.querySelector("[data-log-follow]");
  const log = { first: 0, records: [], isFollowing: follow?.checked ?? false };
  section.querySelector("[data-log-tools]").hidden = false;
  list.hidden = false;
  section.addEventListener("input", (event) => {
    if (event.target === follow) log.isFollowing = follow.checked;
    draw(section, log);
  });
  list.addEventListener("scroll", () => {
    if (!follow) return;
    log.isFollowing = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END;
    follow.checked = log.isFollowing;
  });
  logs.set(section, log);
  return log;
}

// Draws the logs in `part` that changed.
export function drawLogs(part) {
  for (const section of part.querySelectorAll("[data-log]")) {
    const raw = section.querySelector("pre").textContent;
    const log = logs.get(section) ?? begin(section);
    if (log.raw === raw) continue;
    log.raw = raw;
    Object.assign(log, merge(log, read(raw)));
    draw(section, log);
  }
}

// Shows what an expression means and when it would fire next, while the user types. Responses that arrive after a newer
// request are dropped.

import { call } from "./actions.js";
import { clearWrong, fieldOf, sentence, tellWrong } from "./field-errors.js";
import { text } from "./page.js";
import { isAside, typed } from "./form-fields.js";

const PAUSE_MS = 250;
const COUNT = 5;
const ASKED = ["cron", "every", "timezone", "starts_at", "ends_at"];

let latest = 0;
let told = null; // the field with an error from here, and its message

function takeBack(form) {
  // Keep errors that the submission showed meanwhile.
  if (told && document.getElementById(`wrong-${told.name}`).textContent === told.message) clearWrong(form, told.name);
  told = null;
}

function question(form) {
  const asked = new URLSearchParams({ count: COUNT, language: document.documentElement.lang });
  for (const name of [...ASKED, "name"]) {
    const field = form.elements[name];
    if (!field || isAside(field) || typed(field) === "") continue;
    asked.set(name, field.dataset.kind === "time" ? `${typed(field)}Z` : typed(field));
  }
  if (form.dataset.schedule) asked.set("name", form.dataset.schedule);
  // An interval continues from where it began.
  if (form.dataset.anchor && asked.has("every") && !asked.has("starts_at")) asked.set("starts_at", form.dataset.anchor);
  return asked;
}

function line(time) {
  const item = document.createElement("li");
  item.textContent = `${time.local.slice(0, 10)} ${time.local.slice(11, 19)} ${time.local.slice(19)}`;
  item.title = time.at.replace("T", " ").replace("Z", " UTC");
  return item;
}

function say(...content) {
  document.getElementById("preview").replaceChildren(...content);
}

function paragraph(words, kind) {
  const made = document.createElement("p");
  made.className = kind;
  made.textContent = words;
  return made;
}

function show(found) {
  const times = document.createElement("ol");
  times.append(...found.times.map(line));
  say(paragraph(found.description, "sentence"), found.times.length ? times : paragraph(text("never"), "hint"));
}

function refuse(form, error) {
  const [detail] = error.details ?? [];
  const name = detail && fieldOf(detail.loc);
  // An invalid name doesn't affect the times. The submission checks it.
  if (ASKED.includes(name) && tellWrong(form, name, sentence(detail.msg))) told = { name, message: sentence(detail.msg) };
  say(paragraph(told ? text("no_preview") : error.message, "hint"));
}

async function ask(form, turn) {
  const asked = question(form);
  if (!asked.has("cron") && !asked.has("every")) {
    takeBack(form);
    say(paragraph(text("preview_hint"), "hint"));
    return;
  }
  try {
    const found = await call("GET", `api/v1/schedules/preview?${asked}`);
    if (turn !== latest) return;
    takeBack(form);
    show(found);
  } catch (error) {
    if (turn !== latest) return;
    takeBack(form);
    refuse(form, error);
  }
}

// Requests a preview after a pause in typing.
export function preview(form) {
  latest += 1;
  const turn = latest;
  setTimeout(() => turn === latest && ask(form, turn), PAUSE_MS);
}

export function isPreviewed(name) {
  return name === "name" || name === "by" || ASKED.includes(name);
}

// The schedule form. Errors from the browser and the API appear at their fields. A change applies to one version: if
// somebody else was faster, the form takes over their change and keeps what was typed.

import { call, done } from "./actions.js";
import { clearWrong, fieldOf, sentence, showFirstWrong, tellWrong } from "./field-errors.js";
import { text } from "./page.js";
import { before, encoded, fieldsOf, give, giveBelow, isAside, isTouched, problemOf, typed } from "./form-fields.js";
import { isPreviewed, preview } from "./schedule-preview.js";
import { clearWarnings, say, warn } from "./toasts.js";

const CONFLICT = 409;

const form = document.querySelector(".schedule-form");
let theirs = null; // the form after somebody else's change

// Shows the field for cron or for the interval.
function choose() {
  for (const name of ["cron", "every"]) {
    const isChosen = form.elements.by.value === name;
    form.elements[name].closest("[data-field]").hidden = !isChosen;
    form.elements[name].required = isChosen;
    if (!isChosen) clearWrong(form, name);
  }
}

// Fills in where a known task is, unless the user typed something else.
function fillIn() {
  const known = [...document.getElementById("known-tasks").options].find((one) => one.value === typed(form.elements.task_name));
  if (!known) return;
  for (const [name, value] of [["module_path", known.dataset.module], ["queue_name", known.dataset.queue]]) {
    const field = form.elements[name];
    if (!value || (isTouched(field) && typed(field) !== field.dataset.filled)) continue;
    field.value = field.dataset.filled = value;
    clearWrong(form, name);
  }
}

// The user's own time zone is offered first.
function offerZone() {
  const zones = form.elements.timezone;
  const own = [...zones.options].find((one) => one.value === Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (own && !own.selected) zones.prepend(new Option(own.text, own.value));
}

function isSent(field) {
  if (isAside(field)) return false;
  if (form.dataset.version) return isTouched(field);
  return typed(field) !== "";
}

function check() {
  for (const field of fieldsOf(form)) {
    const problem = isAside(field) ? null : problemOf(field);
    if (problem) tellWrong(form, field.name, problem);
    else clearWrong(form, field.name);
  }
  return !showFirstWrong(form);
}

function body() {
  const members = fieldsOf(form).filter(isSent).map((field) => `${JSON.stringify(field.name)}: ${encoded(field)}`);
  if (form.dataset.version) members.push(`"version": ${form.dataset.version}`);
  return `{${members.join(", ")}}`;
}

function refuse(error) {
  const told = (error.details ?? []).filter(({ loc, msg }) => tellWrong(form, fieldOf(loc), sentence(msg)));
  if (told.length && showFirstWrong(form)) return;
  warn(error.message);
}

async function send() {
  const name = form.dataset.schedule || typed(form.elements.name);
  const address = `schedules/${encodeURIComponent(name)}`;
  if (form.dataset.version) await call("PATCH", `api/v1/${address}`, body());
  else await call("POST", "api/v1/schedules", body());
  done(text(form.dataset.version ? "schedule_changed" : "schedule_made", { name }), address);
}

async function submit(event) {
  event.preventDefault();
  clearWarnings();
  if (!check()) return;
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  try {
    await send();
  } catch (error) {
    if (error.status === CONFLICT && form.dataset.version) await showConflict(error);
    else refuse(error);
  } finally {
    button.disabled = false;
  }
}

// Reads the current values from this same page, rendered for this user.
async function readTheirs() {
  const answer = await fetch(location.href);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  return answer.ok ? page.querySelector(".schedule-form") : null;
}

async function showConflict(error) {
  theirs = await readTheirs().catch(() => null);
  if (!theirs) {
    refuse(error);
    return;
  }
  const place = document.getElementById("conflict");
  place.querySelector("h2").textContent = text("changed_by", { who: theirs.dataset.changedBy });
  place.hidden = false;
  place.focus();
}

function note(field, value) {
  const place = document.getElementById(`wrong-${field.name}`);
  place.textContent = text("theirs", { value: value || "–" });
  place.hidden = false;
}

// Updates untouched fields, and marks those that both changed.
function takeOver() {
  const wanted = form.elements.by.value;
  const wasSwitched = !form.elements[wanted].defaultValue;
  for (const field of fieldsOf(form)) {
    const other = theirs.elements[field.name];
    if (!other) {
      field.closest("[data-field]").remove(); // hidden from this user now
      continue;
    }
    const [old, now] = [before(field), before(other)];
    const isMine = isTouched(field) && typed(field) !== now;
    if (isMine) giveBelow(field, now);
    else give(field, now);
    if (isMine && old !== now) note(field, now);
  }
  if (!wasSwitched && !isTouched(form.elements[wanted])) form.elements.by.value = theirs.elements.by.value;
  form.dataset.version = theirs.dataset.version;
  document.getElementById("conflict").hidden = true;
  choose();
  preview(form);
  say(text("taken_over"));
  fieldsOf(form).find((field) => !isAside(field)).focus();
}

if (form) {
  offerZone();
  choose();
  preview(form);
  form.querySelector("button[type=submit]").disabled = false; // disabled in HTML, because without this script the form would go elsewhere
  form.addEventListener("submit", submit);
  form.addEventListener("input", (event) => {
    if (event.target.name === "by") choose();
    else if (event.target.dataset.kind) clearWrong(form, event.target.name);
    if (event.target.name === "task_name") fillIn();
    if (isPreviewed(event.target.name)) preview(form);
  });
  document.querySelector("[data-take-over]").addEventListener("click", takeOver);
  addEventListener("pageshow", choose); // coming back, the browser restores the choice
}

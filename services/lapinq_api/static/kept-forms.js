// Forms in dialogs that keep what was typed until the server takes it (data-kept). Errors appear at their fields. PATCH sends
// the members that were changed, PUT all. If somebody else changed the values after the dialog was opened, the form takes
// theirs where nothing was typed, marks the others, and asks to save again.

import { call, done, fields } from "./actions.js";
import { clearWrong, sentence, showFirstWrong, tellWrong } from "./field-errors.js";
import { text } from "./page.js";

const opened = new WeakMap(); // form → the values that its fields had at first

function namesOf(form) {
  return [...new Set([...form.elements].map((field) => field.name).filter(Boolean))];
}

function shown(value) {
  return value === undefined || value === null ? "" : String(value);
}

function isTouched(form, name) {
  return form.elements[name].value !== shown(opened.get(form)[name]);
}

function forget(form) {
  for (const name of namesOf(form)) clearWrong(form, name);
  tell(form, "");
}

function tell(form, message) {
  const place = form.querySelector("[data-problem]");
  place.textContent = message;
  place.hidden = !message;
  if (message) place.focus();
}

// Remembers what the fields have at first, when the dialog opens. A data-fixed field can't be changed once it has a value.
function begin(form, button) {
  const values = JSON.parse(button.dataset.dialogValues ?? "{}");
  opened.set(form, values);
  for (const field of form.querySelectorAll("[data-fixed]")) field.hidden = Boolean(values[field.dataset.fixed]);
  forget(form);
}

// The field that an error is about. One about a whole group is shown at its first field, in which something is missing.
function fieldOf(form, loc) {
  const names = namesOf(form);
  const isWithin = (name) => loc.startsWith(`${name}.`) || loc.startsWith(`${name}[`) || name.startsWith(`${loc}.`);
  return names.find((name) => name === loc) ?? names.find(isWithin);
}

function refuse(form, error) {
  const told = (error.details ?? []).filter(({ loc, msg }) => loc && tellWrong(form, fieldOf(form, loc), sentence(msg)));
  if (!told.length || !showFirstWrong(form)) tell(form, error.message);
}

// What is to be sent; of fields that another choice hides, nothing is. A group whose data-decisive fields were emptied is null, although its other fields still have what they
// had.
function body(form) {
  const found = fields(form);
  const values = opened.get(form);
  for (const group of form.querySelectorAll("fieldset[data-group]")) {
    const inside = [...group.elements];
    const isRemoved = inside.every((field) => ("decisive" in field.dataset ? !field.value : !field.value || field.value === shown(values[field.name])));
    if (isRemoved) found[group.dataset.group] = null;
  }
  for (const field of form.querySelectorAll("[data-in-address]")) delete found[field.name];
  if (form.dataset.method !== "PATCH") return found;
  const touched = new Set(namesOf(form).filter((name) => isTouched(form, name) && form.elements[name].checkVisibility()).map((name) => name.split(".")[0]));
  return Object.fromEntries(Object.entries(found).filter(([name]) => touched.has(name)));
}

// The values that a new page would open the dialog with; undefined if it has no such button. Of a new thing, those of what
// already has its name.
async function valuesNow(form) {
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => undefined);
  if (!answer?.ok) throw new Error(text("no_answer"));
  if (answer.redirected) return opened.get(form); // to the login, as the request will be
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const dialog = form.closest("dialog").id;
  return [...page.querySelectorAll(`button[data-dialog="${dialog}"][data-dialog-values]`)]
    .map((button) => JSON.parse(button.dataset.dialogValues))
    .find((values) => values.name === (form.elements.name?.value));
}

// Takes over what others changed. Returns whether there was something.
function takeOver(form, theirs) {
  const before = opened.get(form);
  const changed = namesOf(form).filter((name) => shown(before[name]) !== shown(theirs[name]));
  for (const name of changed) {
    const field = form.elements[name];
    if (!isTouched(form, name)) field.value = shown(theirs[name]);
    else if (field.value !== shown(theirs[name])) tellWrong(form, name, text("theirs", { value: shown(theirs[name]) || "–" }));
  }
  if (changed.length) {
    opened.set(form, theirs);
    tell(form, text("changed_meanwhile"));
  }
  return changed.length > 0;
}

// Whether nobody else was faster.
async function isStill(form) {
  const before = opened.get(form);
  const theirs = await valuesNow(form);
  if (form.elements.name && !before.name) {
    if (theirs) tellWrong(form, "name", text("name_taken"));
    return !theirs || !showFirstWrong(form);
  }
  if (theirs) return !takeOver(form, theirs);
  if (!before.name) return true; // the button is gone with the permission: the API says so
  opened.set(form, { name: before.name });
  tell(form, text("deleted_meanwhile"));
  return false;
}

async function save(form) {
  const button = form.querySelector("button[type=submit]");
  forget(form);
  button.disabled = true;
  try {
    const sent = body(form);
    const isSame = form.dataset.method === "PATCH" && !Object.keys(sent).length;
    if (!isSame && !(await isStill(form))) return;
    const name = form.elements.name?.value ?? "";
    if (!isSame) await call(form.dataset.method, form.dataset.to.replace("{name}", encodeURIComponent(name)), JSON.stringify(sent));
    form.closest("dialog").close();
    if (!isSame) done(form.dataset.done.replace("{name}", name));
  } catch (error) {
    refuse(form, error);
  } finally {
    button.disabled = false;
  }
}

export function listenForKeptForms() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-dialog]");
    const form = button && document.getElementById(button.dataset.dialog).querySelector("form[data-kept]");
    if (form) begin(form, button);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-kept]")) return;
    event.preventDefault();
    save(event.target);
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-kept]");
    if (form) clearWrong(form, event.target.name);
  });
}

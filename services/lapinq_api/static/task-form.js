// The form for a new task, for another run of an earlier one, or for a run of a schedule. The last two send only what was
// changed. Arguments are fields, one for each parameter, or JSON.

import { callOnce, done } from "./actions.js";
import { clearWrong, fieldOf, sentence, showFirstWrong, tellWrong } from "./field-errors.js";
import { encoded, fieldsOf, isAside, isTouched, problemOf, typed } from "./form-fields.js";
import { text } from "./page.js";
import { clearWarnings, warn } from "./toasts.js";

const form = document.querySelector(".task-form");
const hasFields = Boolean(form?.elements.by);
const { task, schedule, name, module } = form?.dataset ?? {};
const hasValues = task !== undefined || schedule !== undefined; // of the earlier task, or of the schedule

function argumentFields() {
  return fieldsOf(form).filter((field) => field.dataset.argument !== undefined);
}

function otherFields() {
  return fieldsOf(form).filter((field) => field.dataset.argument === undefined && !isAside(field));
}

function isByFields() {
  return hasFields && form.elements.by.value === "fields";
}

// Marks a field that is empty although a later positional argument is given.
function gap(field) {
  tellWrong(form, field.name, text("fill_before"));
  return null;
}

// What is between the brackets of a JSON list or object.
function inside(json) {
  return json.trim().slice(1, -1).trim();
}

// The arguments in the fields as JSON, of which numbers keep every digit. Null if they make no call.
function called() {
  const args = [];
  const kwargs = [];
  const fields = argumentFields();
  const rest = fields.find((field) => field.dataset.given === "rest");
  const hasRest = rest && inside(typed(rest)) !== "";
  let skipped = null;
  for (const field of fields) {
    const { given, argument } = field.dataset;
    const isEmpty = typed(field) === "";
    if (given === "rest") {
      if (hasRest) args.push(inside(typed(field)));
    } else if (given === "others") {
      if (inside(typed(field)) !== "") kwargs.push(inside(typed(field)));
    } else if (isEmpty) {
      skipped ??= given === "name" ? null : field;
      if (hasRest && given !== "name") return gap(field);
    } else if (given === "position" && skipped) {
      return gap(skipped);
    } else if (given === "position" || (given === "either" && !skipped && (hasRest || "positional" in field.dataset))) {
      args.push(encoded(field));
    } else {
      kwargs.push(`${JSON.stringify(argument)}: ${encoded(field)}`);
    }
  }
  return { args: `[${args.join(", ")}]`, kwargs: `{${kwargs.join(", ")}}` };
}

function check(fields) {
  for (const field of fields) {
    const problem = field.dataset.kind === "number" && field.step === "1" && field.validity.stepMismatch ? text("no_integer") : problemOf(field);
    if (problem) tellWrong(form, field.name, problem);
    else clearWrong(form, field.name);
  }
  return !showFirstWrong(form);
}

// Before the first choice of JSON, the fields are written into it.
function choose() {
  if (!hasFields) return;
  const by = form.elements.by.value;
  if (by === "json" && !isTouched(form.elements.args) && !isTouched(form.elements.kwargs)) {
    const made = argumentFields().some(problemOf) ? null : called();
    if (made) {
      for (const [field, json] of Object.entries(made)) {
        if (inside(json) !== "") form.elements[field].value = json;
      }
    }
  }
  for (const group of form.querySelectorAll("[data-by]")) group.hidden = group.dataset.by !== by;
}

function isSent(field) {
  return hasValues ? isTouched(field) : typed(field) !== "";
}

function value(field) {
  if (!("local" in field.dataset) || typed(field) === "") return encoded(field);
  return JSON.stringify(new Date(typed(field)).toISOString());
}

// The body of the request; null if the arguments make no call.
function body() {
  const found = Object.fromEntries(otherFields().filter(isSent).map((field) => [field.name, value(field)]));
  if (name && !hasValues) {
    found.task_name = JSON.stringify(name);
    found.module_path = JSON.stringify(module);
  }
  if (isByFields() && (!hasValues || argumentFields().some(isTouched))) {
    const made = called();
    if (!made) return null;
    Object.assign(found, made);
  }
  return `{${Object.entries(found).map(([field, json]) => `${JSON.stringify(field)}: ${json}`).join(", ")}}`;
}

function refuse(error) {
  const told = (error.details ?? []).filter(({ loc, msg }) => tellWrong(form, fieldOf(loc), sentence(msg)));
  if (!told.length || !showFirstWrong(form)) warn(error.message);
}

function destination() {
  if (task !== undefined) return `api/v1/tasks/${task}/rerun`;
  return schedule === undefined ? "api/v1/enqueue" : `api/v1/schedules/${encodeURIComponent(schedule)}/run`;
}

async function submit(event) {
  event.preventDefault();
  clearWarnings();
  if (!check(isByFields() ? [...argumentFields(), ...otherFields()] : otherFields())) return;
  const sent = body();
  if (sent === null) {
    showFirstWrong(form);
    return;
  }
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  try {
    const { task_id: id } = await callOnce("POST", destination(), sent);
    if (schedule !== undefined && !id) done(text("run_waits", { name: schedule }), `schedules/${encodeURIComponent(schedule)}`);
    else done(text("task_made", { name: name ?? typed(form.elements.task_name) }), id ? `tasks/${id}` : "tasks");
  } catch (error) {
    refuse(error);
  } finally {
    button.disabled = false;
  }
}

if (form) {
  choose();
  form.querySelector("button[type=submit]").disabled = false; // disabled in HTML, because without this script the form would go elsewhere
  form.addEventListener("submit", submit);
  form.addEventListener("input", (event) => {
    if (event.target.name === "by") choose();
    else clearWrong(form, event.target.name);
  });
  addEventListener("pageshow", choose); // coming back, the browser restores the choice
}

// The fields of a form: typed values, previous values, and both as the API expects them. A field's data-kind is the type of
// its value; what a field of kind `raw` holds is JSON already.

import { text } from "./page.js";

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

export function fieldsOf(form) {
  return [...form.elements].filter((field) => field.dataset.kind);
}

// Whether the field is of the alternative that is not chosen, and so hidden.
export function isAside(field) {
  return field.closest("[hidden]") !== null;
}

export function typed(field) {
  return field.type === "checkbox" ? String(field.checked) : field.value.trim();
}

export function before(field) {
  if (field.type === "checkbox") return String(field.defaultChecked);
  if (field.tagName === "SELECT") return [...field.options].find((one) => one.defaultSelected)?.value ?? "";
  return field.defaultValue.trim();
}

export function isTouched(field) {
  return typed(field) !== before(field);
}

// Sets a field's value and its previous value.
export function give(field, value) {
  if (field.type === "checkbox") {
    field.defaultChecked = field.checked = value === "true";
  } else if (field.tagName === "SELECT") {
    for (const one of field.options) one.defaultSelected = one.value === value;
    field.value = value;
  } else {
    field.defaultValue = field.value = value;
  }
}

// Like `give`, but keeps what was typed.
export function giveBelow(field, value) {
  const mine = field.type === "checkbox" ? field.checked : field.value;
  give(field, value);
  if (field.type === "checkbox") field.checked = mine;
  else field.value = mine;
}

// The value as JSON text. Numbers are sent as typed, because a JavaScript number may not represent them.
export function encoded(field) {
  const value = typed(field);
  if (field.dataset.kind === "flag") return value;
  if (value === "") return "null";
  if (field.dataset.kind === "json" || field.dataset.kind === "raw") return value;
  if (field.dataset.kind === "number") return JSON_NUMBER.test(value) ? value : String(Number(value));
  return JSON.stringify(field.dataset.kind === "time" ? `${value}Z` : value);
}

// An error that the browser can detect, or null.
export function problemOf(field) {
  if (!field.checkValidity()) return field.validationMessage;
  return field.dataset.kind === "json" && typed(field) ? problemOfJson(typed(field), field.dataset.shape) : null;
}

function problemOfJson(value, shape) {
  let found;
  try {
    found = JSON.parse(value);
  } catch (error) {
    return text("no_json", { reason: error.message });
  }
  if (!shape) return null;
  if (shape === "list") return Array.isArray(found) ? null : text("no_list");
  return found !== null && typeof found === "object" && !Array.isArray(found) ? null : text("no_object");
}

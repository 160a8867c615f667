// The fields of the form of a schedule: what was typed, what it was before, and both as the API takes them. A field says
// by data-kind what it holds.

import { text } from "./page.js";

export function fieldsOf(form) {
  return [...form.elements].filter((field) => field.dataset.kind);
}

// Which of the two fields says when: the other one is hidden.
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

// Makes `value` what the field was before, and what it holds.
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

// As `give`, but what was typed stays.
export function giveBelow(field, value) {
  const mine = field.type === "checkbox" ? field.checked : field.value;
  give(field, value);
  if (field.type === "checkbox") field.checked = mine;
  else field.value = mine;
}

// The value as JSON text: numbers and values are sent as they were typed, for a number of JavaScript may not hold them.
export function encoded(field) {
  const value = typed(field);
  if (field.dataset.kind === "flag") return value;
  if (value === "") return "null";
  if (field.dataset.kind === "json") return value;
  if (field.dataset.kind === "number") return String(Number(value));
  return JSON.stringify(field.dataset.kind === "time" ? `${value}Z` : value);
}

// What is wrong with it as far as can be seen here, null where nothing is.
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
  if (shape === "list") return Array.isArray(found) ? null : text("no_list");
  return found !== null && typeof found === "object" && !Array.isArray(found) ? null : text("no_object");
}

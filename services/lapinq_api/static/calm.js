// Calm lists (data-calm). Under a reader's eyes rows change in place, rows that left the list fade, and new ones wait behind
// a button. The list is replaced at the push of that button, or when its reader has looked on from its top for a while.
// Rows also stay for a while if a search ran out of time before it found any: that says nothing about them.

import { counted } from "./formats.js";
import { text } from "./page.js";

const IDLE_MS = 5000;
const UNFOUND_MS = 10000;
const INPUTS = ["pointermove", "pointerdown", "keydown", "wheel", "touchmove"];

const replaced = new WeakMap(); // part → when it was last replaced
const unfound = new WeakMap(); // part → since when searches have run out of time before they found any of its rows
let lastInput = -Infinity;

function rowsOf(part) {
  return [...part.querySelectorAll("tbody tr[id]")];
}

function contentOf(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function idsOf(part) {
  return rowsOf(part).map((row) => row.id).join(" ");
}

// Whether `html` has no rows because a search ran out of time, while the part shows some. A busy database may be why, so
// the rows stay until a search succeeds or too many have failed.
export function isUnfound(part, html) {
  if (!("calm" in part.dataset) || !rowsOf(part).length) return false;
  const next = contentOf(html);
  if (rowsOf(next).length || !next.querySelector("[data-out-of-time]")) {
    unfound.delete(part);
    return false;
  }
  if (!unfound.has(part)) unfound.set(part, performance.now());
  return performance.now() - unfound.get(part) < UNFOUND_MS;
}

// Whether `html` may replace the part as a whole. Without other rows nothing moves.
export function mayReplace(part, html) {
  if (!("calm" in part.dataset)) return true;
  const shown = idsOf(part);
  if (!shown || (shown === idsOf(contentOf(html)) && !part.querySelector(".gone"))) return true;
  const focused = document.activeElement;
  if (part.contains(focused) && !focused.closest(".gone")) return false;
  if (part.matches(":hover") || part.getBoundingClientRect().top < 0) return false;
  const now = performance.now();
  return now - lastInput >= IDLE_MS && now - (replaced.get(part) ?? -Infinity) >= IDLE_MS;
}

// Takes note that the part was replaced: nothing waits any more.
export function noteReplaced(part) {
  if (!("calm" in part.dataset)) return;
  replaced.set(part, performance.now());
  buttonOf(part).hidden = true;
}

// A row that left the list stays for the eye, but nothing can be done with it.
function fade(row) {
  row.classList.add("gone");
  row.setAttribute("aria-disabled", "true");
  row.title = text("gone");
  for (const menu of row.querySelectorAll("details.menu")) menu.open = false;
  for (const control of row.querySelectorAll("button, input, select")) control.disabled = true;
}

// Updates the rows that are still there by `update(shown, next)`, and counts the others.
export function updateInPlace(part, html, update) {
  const shown = new Map(rowsOf(part).map((row) => [row.id, row]));
  let newCount = 0;
  for (const next of rowsOf(contentOf(html))) {
    if (shown.has(next.id)) update(shown.get(next.id), next);
    else newCount += 1;
    shown.delete(next.id);
  }
  for (const row of shown.values()) fade(row);
  const button = buttonOf(part);
  button.hidden = false;
  button.textContent = newCount ? counted("new_rows", newCount) : text("other_rows");
}

function buttonOf(part) {
  return part.previousElementSibling.querySelector("button");
}

// Puts a button before each calm list; `replace(part)` is called when it is pushed.
export function listenForCalm(replace) {
  for (const part of document.querySelectorAll("[data-calm]")) {
    const place = document.createElement("div");
    const button = document.createElement("button");
    place.className = "fresh";
    Object.assign(button, { className: "button small", type: "button", hidden: true });
    button.addEventListener("click", (event) => {
      replace(part);
      if (!event.detail) part.querySelector("tbody a")?.focus(); // by keyboard: the button is gone
    });
    place.append(button);
    part.before(place);
  }
  for (const input of INPUTS) addEventListener(input, () => (lastInput = performance.now()), { passive: true, capture: true });
}

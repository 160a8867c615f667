// Keyboard shortcuts: Ctrl-K opens the palette, / searches, j and k move through the list, Enter opens a row, x selects it, a
// letter acts on it, g and a letter open a page, p freezes the view, ? shows help. In a row, data-key names the letter of a
// button or link; data-edit is where e leads.

import { root } from "./page.js";
import { openPalette } from "./palette.js";
import { focusedRow, focusRow, rows } from "./places.js";
import { actOnRow, selectRow } from "./selection.js";

const GO_MS = 1500;
const ACTIONS = "rcde";
const PAGES = { o: "", t: "tasks", q: "queues", n: "functions", s: "schedules", w: "workers", e: "errors", f: "errors", h: "webhooks", u: "admin/users", l: "admin/audit", a: "account" };
let going = -GO_MS; // when g was pressed; a page begins at 0
let cameFrom = null; // where the focus was before the search

function isTyping(event) {
  const target = event.target;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "checkbox";
}

function walk(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(focusedRow());
  focusRow(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]);
}

function search() {
  const field = document.querySelector("[data-search]");
  if (!field) return openPalette();
  cameFrom = document.activeElement;
  field.focus();
}

function leaveSearch(field) {
  field.blur();
  if (cameFrom?.isConnected) cameFrom.focus();
  cameFrom = null;
}

function act(key) {
  const row = focusedRow();
  if (row?.classList.contains("gone")) return;
  if (key === "e" && row?.dataset.edit) return location.assign(new URL(row.dataset.edit, root));
  const control = row?.querySelector(`[data-key="${key}"]:not(:disabled)`);
  if (control) control.click();
  else actOnRow(key, row);
}

function press(key) {
  switch (key) {
    case "/": search(); return true;
    case "j": walk(1); return true;
    case "k": walk(-1); return true;
    case "x": selectRow(focusedRow()); return true;
    case "p": document.getElementById("pause")?.click(); return true;
    case "?": document.getElementById("keys").showModal(); return true;
    case "g": going = performance.now(); return true;
    default: return false;
  }
}

export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      openPalette();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape" && event.target.matches("[data-search]")) leaveSearch(event.target);
    if (isTyping(event)) return;
    if (performance.now() - going < GO_MS && event.key in PAGES) {
      going = -GO_MS;
      location.assign(new URL(PAGES[event.key], root));
    } else if (ACTIONS.includes(event.key)) {
      act(event.key);
    } else if (press(event.key)) {
      event.preventDefault();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys]")) document.getElementById("keys").showModal();
  });
}

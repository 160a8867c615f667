// Keyboard shortcuts: / searches, j and k move through the list, Enter opens a row, x selects it, g and a letter open a
// page, p pauses, ? shows help.

import { root } from "./page.js";

const GO_MS = 1500;
const PAGES = { o: "", t: "tasks", q: "queues", s: "schedules", w: "workers", f: "failed", h: "webhooks", u: "admin/users", l: "admin/audit", a: "account" };
let going = 0;

function isTyping(event) {
  const target = event.target;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && target.type !== "checkbox";
}

function rows() {
  return [...document.querySelectorAll("[data-rows] tbody tr")].filter((row) => row.querySelector("a"));
}

function walk(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)];
  next.querySelector("a").focus();
}

function select() {
  document.activeElement?.closest("tr")?.querySelector("input[type=checkbox]")?.click();
}

function press(key) {
  switch (key) {
    case "/": document.querySelector("[data-search]")?.focus(); return true;
    case "j": walk(1); return true;
    case "k": walk(-1); return true;
    case "x": select(); return true;
    case "p": document.getElementById("pause")?.click(); return true;
    case "?": document.getElementById("keys").showModal(); return true;
    case "g": going = performance.now(); return true;
    default: return false;
  }
}

export function listenForKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape" && event.target.matches("[data-search]")) event.target.blur();
    if (isTyping(event)) return;
    if (performance.now() - going < GO_MS && event.key in PAGES) {
      going = 0;
      location.assign(new URL(PAGES[event.key], root));
    } else if (press(event.key)) {
      event.preventDefault();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-keys]")) document.getElementById("keys").showModal();
  });
}

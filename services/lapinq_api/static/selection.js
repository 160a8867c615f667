// Selects rows of a list for an action on all of them. The selection is kept by id, so it outlasts updates and rows that left
// the page. A row's data-actions lists what this user may do to it in its current state.

import { ask, call } from "./actions.js";
import { counted } from "./bulk.js";
import { announce, text } from "./page.js";

const AT_ONCE = 4;
const CALLS = {
  cancel: (id) => ["DELETE", `api/v1/tasks/${id}?running=true`],
  requeue: (id) => ["POST", `api/v1/tasks/${id}/requeue`],
  run: (id) => ["POST", `api/v1/tasks/${id}/run`],
  delete: (id, queue) => ["DELETE", `api/v1/tasks?${new URLSearchParams({ id, queue })}`],
};

const selected = new Map(); // id → its queue and actions when the row was last seen
let last = null; // the id of the row last selected or deselected
let isBusy = false;

const bar = document.getElementById("selection");

function boxes() {
  return [...document.querySelectorAll("input[data-select]")];
}

function remember(box) {
  const { queue, actions } = box.closest("tr").dataset;
  selected.set(box.dataset.select, { queue, actions: actions.split(" ") });
}

function set(box, isSelected) {
  box.checked = isSelected;
  if (isSelected) remember(box);
  else selected.delete(box.dataset.select);
}

// The selected ids to which `action` applies.
function applicable(action) {
  return [...selected].filter(([, { actions }]) => actions.includes(action)).map(([id]) => id);
}

function show() {
  if (!bar) return;
  const all = boxes();
  const shown = all.filter((box) => box.checked).length;
  const unseen = selected.size - shown;
  const whole = document.querySelector("[data-select-all]");
  if (whole) {
    whole.checked = shown > 0 && shown === all.length;
    whole.indeterminate = shown > 0 && shown < all.length;
  }
  bar.hidden = !selected.size;
  if (isBusy || bar.hidden) return;
  bar.querySelector("[data-selected]").textContent = counted("rows_selected", selected.size);
  bar.querySelector("[data-unseen]").textContent = unseen ? counted("unseen", unseen) : "";
  for (const button of bar.querySelectorAll("[data-each]")) {
    const count = applicable(button.dataset.each).length;
    button.dataset.label ??= button.textContent.trim();
    button.disabled = !count;
    button.textContent = count && count < selected.size ? `${button.dataset.label} ${count}` : button.dataset.label;
  }
}

// Restores the selection after an update of `part`.
export function keepSelection(part) {
  for (const box of part.querySelectorAll("input[data-select]")) {
    box.checked = selected.has(box.dataset.select);
    if (box.checked) remember(box);
  }
  show();
}

function select(box, isRange) {
  const all = boxes();
  const from = all.findIndex((one) => one.dataset.select === last);
  const to = all.indexOf(box);
  if (isRange && from >= 0) {
    for (const one of all.slice(Math.min(from, to), Math.max(from, to) + 1)) set(one, box.checked);
  } else {
    set(box, box.checked);
  }
  last = box.dataset.select;
  show();
}

function deselect() {
  selected.clear();
  for (const box of boxes()) box.checked = false;
  show();
}

async function actOn(action, id) {
  const [method, to] = CALLS[action](id, selected.get(id)?.queue);
  const found = await call(method, to);
  if (action === "delete" && !found.deleted) throw new Error(text("not_deleted"));
}

function summary(doneCount, reasons) {
  const sentences = doneCount ? [counted("each_done", doneCount)] : [];
  for (const [reason, count] of reasons) sentences.push(counted("each_refused", count, { reason }));
  return sentences.join(" ");
}

async function act(button) {
  const action = button.dataset.each;
  const waiting = applicable(action);
  const total = waiting.length;
  if (isBusy || !(await ask(counted(`${action}_each`, total), button.dataset.label))) return;
  isBusy = true;
  announce("");
  const place = bar.querySelector("[data-selected]");
  const buttons = bar.querySelectorAll("button");
  const reasons = new Map(); // reason → how many were refused
  let doneCount = 0;
  let endedCount = 0;
  buttons.forEach((one) => (one.disabled = true));
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        await actOn(action, id);
        selected.delete(id);
        doneCount += 1;
      } catch (error) {
        reasons.set(error.message, (reasons.get(error.message) ?? 0) + 1);
      }
      endedCount += 1;
      place.textContent = text("progress", { done: endedCount, total });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  isBusy = false;
  buttons.forEach((one) => (one.disabled = false));
  for (const box of boxes()) box.checked = selected.has(box.dataset.select);
  show();
  announce(summary(doneCount, reasons), reasons.size > 0);
  document.getElementById("announcement").scrollIntoView({ block: "nearest" });
}

export function listenForSelection() {
  if (!bar) return;
  document.addEventListener("click", (event) => {
    const target = event.target;
    if (target.matches("input[data-select]")) select(target, event.shiftKey);
    if (target.matches("input[data-select-all]")) {
      for (const box of boxes()) set(box, target.checked);
      show();
    }
    if (target.closest("[data-deselect]")) deselect();
    const button = target.closest("button[data-each]");
    if (button) act(button);
  });
  // Coming back to a page, the browser restores the checkboxes.
  boxes().filter((box) => box.checked).forEach(remember);
  show();
}

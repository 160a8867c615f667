// Selects rows of a list, tasks, workflows or errors, for an action on all of them. The selection is kept by id, so it outlasts
// updates, but not its rows: one that leaves the list is no longer selected, and the bar says how many did. A row's
// data-actions lists what this user may do to it in its current state; the bar's data-rows-are says which of KINDS the
// rows are.

import { call } from "./actions.js";
import { which } from "./bulk.js";
import { ask } from "./dialogs.js";
import { counted } from "./formats.js";
import { text } from "./page.js";
import { keepPlace } from "./places.js";
import { clearWarnings, note, say, warn } from "./toasts.js";

const AT_ONCE = 4;
const GIVE_UP_MS = 60000; // a workflow may have many tasks
const BY_KEY = { r: ["requeue", "run", "retry"], c: ["cancel"], d: ["delete"] };
const KINDS = {
  tasks: {
    calls: {
      cancel: (id) => ["DELETE", `api/v1/tasks/${id}?running=true`],
      requeue: (id) => ["POST", `api/v1/tasks/${id}/requeue`],
      run: (id) => ["POST", `api/v1/tasks/${id}/run`],
      delete: (id, queue) => ["DELETE", `api/v1/tasks?${new URLSearchParams({ id, queue })}`],
    },
    which,
    warnings: { cancel: "asks_running" },
  },
  workflows: {
    calls: {
      cancel: (id) => ["DELETE", `api/v1/workflows/${id}`],
      retry: (id) => ["POST", `api/v1/workflows/${id}/retry`],
    },
    which: (n, { name }) => counted(name ? "which_workflows_named" : "which_workflows", n, { name }),
    warnings: { cancel: "cancels_workflows", retry: "retries_workflows" },
  },
  errors: {
    calls: {
      resolve: (id) => ["POST", `api/v1/errors/${id}/resolve`],
      mute: (id) => ["POST", `api/v1/errors/${id}/mute`, '{"seconds": 86400}'],
      reopen: (id) => ["POST", `api/v1/errors/${id}/reopen`],
      merge: (id, queue, into) => ["POST", `api/v1/errors/${id}/merge`, `{"into": ${into}}`],
    },
    which: (n) => counted("which_errors", n),
    warnings: { merge: "merges_errors" },
  },
};

const selected = new Map(); // id → its queue, name and actions when the row was last seen
let last = null; // the id of the row last selected or deselected
let isBusy = false;
let lostCount = 0; // how many left the list since the reader last selected something

const bar = document.getElementById("selection");
const rowsAre = bar?.dataset.rowsAre;
const kind = KINDS[rowsAre];

function boxes() {
  return [...document.querySelectorAll("input[data-select]:not(:disabled)")];
}

function remember(box) {
  const { queue, name, actions } = box.closest("tr").dataset;
  selected.set(box.dataset.select, { queue, name, actions: actions.split(" ") });
}

function set(box, isSelected) {
  lostCount = 0;
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
  const whole = document.querySelector("[data-select-all]");
  if (whole) {
    whole.checked = shown > 0 && shown === all.length;
    whole.indeterminate = shown > 0 && shown < all.length;
  }
  bar.hidden = !selected.size && !lostCount;
  if (isBusy || bar.hidden) return;
  bar.querySelector("[data-selected]").textContent = counted("rows_selected", selected.size);
  bar.querySelector("[data-lost]").textContent = lostCount ? counted("rows_lost", lostCount) : "";
  for (const button of bar.querySelectorAll("[data-bulk]")) button.dataset.query = failedTasks();
  for (const button of bar.querySelectorAll("[data-each]")) {
    const count = applicable(button.dataset.each).length;
    button.dataset.label ??= button.textContent.trim();
    button.disabled = !count;
    button.textContent = count && count < selected.size ? `${button.dataset.label} ${count}` : button.dataset.label;
  }
}

// The filter for the failed tasks of the selected errors, for bulk.js.
function failedTasks() {
  const found = new URLSearchParams({ status: "failed", error_group: [...selected.keys()].join(",") });
  for (const [member, several] of [["queue", "queues"], ["name", "names"]]) {
    const values = [...new Set([...selected.values()].map((row) => row[member]))];
    if (values.length === 1) found.set(member, values[0]);
    else found.set(several, values.map((value) => `"${value.replace(/["\\]/g, "\\$&")}"`).join(","));
  }
  return found;
}

// Restores the selection after an update of `part`. What left the list is dropped, but not what is being acted on.
export function keepSelection(part) {
  const left = new Set("calm" in part.dataset && !isBusy ? selected.keys() : []);
  for (const box of part.querySelectorAll("input[data-select]")) {
    box.checked = !box.disabled && selected.has(box.dataset.select);
    if (!box.checked) continue;
    remember(box);
    left.delete(box.dataset.select);
  }
  for (const id of left) selected.delete(id);
  lostCount += left.size;
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
  lostCount = 0;
  selected.clear();
  for (const box of boxes()) box.checked = false;
  show();
}

// What all of these have in common, for `which`.
function common(ids) {
  const found = {};
  for (const member of ["name", "queue"]) {
    const values = new Set(ids.map((id) => selected.get(id)?.[member]));
    if (values.size === 1 && !values.has(undefined)) [found[member]] = values;
  }
  return found;
}

// Resolves to whether the task was only asked to stop.
async function actOn(action, id, into) {
  const [method, to, body] = kind.calls[action](id, selected.get(id)?.queue, into);
  const found = await call(method, to, body, GIVE_UP_MS);
  if (action === "delete" && !found.deleted) throw new Error(text("not_deleted"));
  return found.cancel_requested === true;
}

function tell(action, doneIds, stoppingCount, reasons, shared) {
  const doneCount = doneIds.length - stoppingCount;
  const sentences = [];
  if (doneCount) sentences.push(text(`${action}_done`, { n: doneCount, which: kind.which(doneCount, shared) }));
  if (stoppingCount) sentences.push(text("stopping", { n: stoppingCount, which: kind.which(stoppingCount, shared) }));
  const list = `${rowsAre}?${new URLSearchParams(shared)}`;
  const isGone = action === "delete" || rowsAre === "errors";
  if (sentences.length) say(sentences.join(" "), isGone ? undefined : doneIds.length === 1 ? `${rowsAre}/${doneIds[0]}` : list);
  if (reasons.size) warn([...reasons].map(([reason, n]) => counted("each_refused", n, { reason })).join(" "));
}

// Resolves to whether it was done, and not declined.
async function act(button) {
  const action = button.dataset.each;
  const waiting = applicable(action);
  const total = waiting.length;
  if (isBusy || !total) return false;
  const goBack = keepPlace(rowOf(last));
  const shared = common(waiting);
  const sentences = [text(`${action}_ask`, { n: total, which: kind.which(total, shared) })];
  if (action in kind.warnings) sentences.push(text(kind.warnings[action]));
  const question = sentences.join(" ");
  // The others become part of the one that was selected first.
  const into = action === "merge" ? waiting.shift() : undefined;
  if (into && !(waiting.length && shared.name && shared.queue)) {
    note(text("merge_two"));
    return false;
  }
  if (!(await ask(question, button.dataset.label, { danger: button.classList.contains("danger") }))) return false;
  isBusy = true;
  lostCount = 0;
  clearWarnings();
  const place = bar.querySelector("[data-selected]");
  const buttons = bar.querySelectorAll("button");
  const reasons = new Map(); // reason → how many were refused
  const doneIds = [];
  let stoppingCount = 0;
  let endedCount = 0;
  buttons.forEach((one) => (one.disabled = true));
  const work = async () => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      try {
        stoppingCount += await actOn(action, id, into);
        selected.delete(id);
        doneIds.push(id);
      } catch (error) {
        reasons.set(error.message, (reasons.get(error.message) ?? 0) + 1);
      }
      endedCount += 1;
      place.textContent = text("progress", { done: endedCount, total: into ? total - 1 : total });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  isBusy = false;
  buttons.forEach((one) => (one.disabled = false));
  for (const box of boxes()) box.checked = selected.has(box.dataset.select);
  show();
  tell(action, doneIds, stoppingCount, reasons, shared);
  goBack();
  return true;
}

function rowOf(id) {
  return boxes().find((box) => box.dataset.select === id)?.closest("tr") ?? null;
}

function boxOf(row) {
  return row?.querySelector("input[data-select]:not(:disabled)");
}

export function selectRow(row) {
  boxOf(row)?.click();
}

// Acts on the selected rows by a letter, or on `row` if none is selected.
export async function actOnRow(key, row) {
  if (!bar || isBusy || !(key in BY_KEY)) return;
  const box = selected.size ? null : boxOf(row);
  if (!selected.size && !box) return;
  if (box) {
    set(box, true);
    last = box.dataset.select;
    show();
  }
  const button = BY_KEY[key].map((action) => bar.querySelector(`[data-each="${action}"]:not(:disabled)`)).find(Boolean);
  if (!button) say(text("not_for_these"));
  if (button && (await act(button))) return;
  if (box) deselect();
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

// Bulk actions on all tasks that a filter finds, on all pages. A dry run counts them first. Attributes of a button:
// data-bulk, the action; data-query, the filter; data-since and the others of TIMES, times in seconds ago.

import { call } from "./actions.js";
import { ask } from "./dialogs.js";
import { inWords, TIMES } from "./filter-words.js";
import { counted } from "./formats.js";
import { text } from "./page.js";
import { keepPlace } from "./places.js";
import { now } from "./times.js";
import { clearWarnings, note, say, sayWhile, warn } from "./toasts.js";

const GIVE_UP_MS = 600000;
const MOST_UNTYPED = 1000;
const MOST_UNTYPED_EVERYWHERE = 100;
const CALLS = {
  cancel: { method: "POST", to: "api/v1/tasks/cancel", done: "cancelled" },
  run: { method: "POST", to: "api/v1/tasks/run", done: "released" },
  requeue: { method: "POST", to: "api/v1/tasks/requeue", done: "requeued" },
  delete: { method: "DELETE", to: "api/v1/tasks", done: "deleted" },
};

function query(button) {
  const found = new URLSearchParams(button.dataset.query);
  for (const name of TIMES) {
    if (name in button.dataset) found.set(name, new Date(now() - 1000 * button.dataset[name]).toISOString());
  }
  return found;
}

// Tasks in words: "52 send_email tasks in mail". Without a `name` or a `queue` they have several.
export function which(n, { name, queue, isEverything = false }) {
  const tasks = name ? counted("which_named", n, { name }) : counted("which", n);
  if (isEverything) return text("which_everywhere", { which: tasks });
  return queue ? text("which_in", { which: tasks, queue }) : tasks;
}

// The list of the tasks that a filter finds, of any status: those that wait again have no error.
function listOf(chosen) {
  const shown = new URLSearchParams(chosen);
  for (const name of ["status", "state", "error_group", ...TIMES]) shown.delete(name);
  return `tasks?${shown}`;
}

function told(action, n, words, chosen) {
  say(text(`${action}_done`, { n, which: words }), action === "delete" || !n ? undefined : listOf(chosen));
}

async function confirmed(action, counts, chosen, button) {
  const n = counts.matching;
  const isEverything = ![...chosen.keys()].some((name) => name !== "status" && name !== "state");
  const words = which(n, { name: chosen.get("name"), queue: chosen.get("queue"), isEverything });
  const sentences = [text(`${action}_ask`, { n, which: words })];
  if (counts.skipped_running) sentences.push(counted("left_alone", counts.skipped_running));
  const isTyped = n > (isEverything ? MOST_UNTYPED_EVERYWHERE : MOST_UNTYPED);
  const danger = button.classList.contains("danger") || isTyped;
  return ask(sentences.join(" "), button.textContent.trim(), { danger, count: isTyped ? n : undefined, facts: inWords(chosen) });
}

async function act(button) {
  const action = button.dataset.bulk;
  const { method, to, done } = CALLS[action];
  const chosen = query(button);
  const goBack = keepPlace();
  button.disabled = true;
  clearWarnings();
  let ended = sayWhile(text("counting"));
  try {
    const counts = await call(method, `${to}?${new URLSearchParams([...chosen, ["dry_run", "true"]])}`, undefined, GIVE_UP_MS);
    ended();
    if (!counts.matching) {
      note(text(`nothing_to_${action}`));
    } else if (await confirmed(action, counts, chosen, button)) {
      ended = sayWhile(text("working"));
      const found = await call(method, `${to}?${chosen}`, undefined, GIVE_UP_MS);
      told(action, found[done], which(found[done], { name: chosen.get("name"), queue: chosen.get("queue") }), chosen);
    }
  } catch (error) {
    warn(error.message);
  } finally {
    ended();
    button.disabled = false;
    goBack();
  }
}

export function listenForBulk() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-bulk]");
    if (button) act(button);
    // Close the menu after a click elsewhere.
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (button || !menu.contains(event.target)) menu.open = false;
    }
  });
}

// Bulk actions on all tasks that a filter finds, on all pages. A dry run counts them first. The server goes on by itself, also
// when the page is left; meanwhile the page asks how far it is. Attributes of a button:
// data-bulk, the action; data-query, the filter; data-since and the others of TIMES, times in seconds ago.

import { call } from "./actions.js";
import { ask } from "./dialogs.js";
import { inWords, TIMES } from "./filter-words.js";
import { counted, number } from "./formats.js";
import { text } from "./page.js";
import { keepPlace } from "./places.js";
import { now } from "./times.js";
import { clearWarnings, note, say, sayWhile, warn } from "./toasts.js";

const COUNTING_MS = 600000;
const FIRST_LOOK_MS = 100;
const MAX_PAUSE_MS = 2000;
const MAX_SILENCE_MS = 60000;
const MOST_UNTYPED = 1000;
const MOST_UNTYPED_EVERYWHERE = 100;
const CALLS = {
  cancel: ["POST", "api/v1/tasks/cancel"],
  run: ["POST", "api/v1/tasks/run"],
  requeue: ["POST", "api/v1/tasks/requeue"],
  delete: ["DELETE", "api/v1/tasks"],
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

function told(bulk, chosen) {
  const { action, done } = bulk;
  const words = which(done, { name: chosen.get("name"), queue: chosen.get("queue") });
  if (bulk.state === "failed") warn(text("bulk_failed", { error: bulk.error }));
  else if (bulk.state === "stopped") say(text("bulk_stopped", { which: words }), "bulk-actions");
  else say(text(`${action}_done`, { n: done, which: words }), action === "delete" || !done ? undefined : listOf(chosen));
}

// Resolves to the bulk action once it has ended. A server that is away for a moment, or restarted, changes nothing.
async function ended(bulk, onProgress) {
  let pause = FIRST_LOOK_MS;
  let heard = now();
  while (!bulk.ended_at) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    pause = Math.min(pause * 1.5, MAX_PAUSE_MS);
    try {
      bulk = await call("GET", `api/v1/bulk-actions/${bulk.id}`);
      heard = now();
      onProgress(bulk);
    } catch (error) {
      if (error.status < 500 || now() - heard > MAX_SILENCE_MS) throw error;
    }
  }
  return bulk;
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
  const [method, to] = CALLS[action];
  const chosen = query(button);
  const goBack = keepPlace();
  button.disabled = true;
  clearWarnings();
  let message = sayWhile(text("counting"));
  try {
    const counts = await call(method, `${to}?${new URLSearchParams([...chosen, ["dry_run", "true"]])}`, undefined, COUNTING_MS);
    message.close();
    if (!counts.matching) {
      note(text(`nothing_to_${action}`));
    } else if (await confirmed(action, counts, chosen, button)) {
      message = sayWhile(text("working"), "bulk-actions");
      const manner = [["background", "true"], ["expected", counts.matching]];
      const started = await call(method, `${to}?${new URLSearchParams([...chosen, ...manner])}`);
      button.disabled = false;
      const total = number.format(counts.matching);
      told(await ended(started, ({ done }) => message.change(text("bulk_working", { done: number.format(done), total }))), chosen);
    }
  } catch (error) {
    warn(error.message);
  } finally {
    message.close();
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

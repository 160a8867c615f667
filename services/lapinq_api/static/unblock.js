// Frees all blocked keys that a search finds: skips, retries or cancels the tasks that hold them. A dry run says first what it
// would do. Attributes of a button: data-unblock, the action; data-queue; data-prefix, how the keys begin.

import { call } from "./actions.js";
import { ask } from "./dialogs.js";
import { counted } from "./formats.js";
import { text } from "./page.js";
import { keepPlace } from "./places.js";
import { clearWarnings, say, sayWhile, warn } from "./toasts.js";

const GIVE_UP_MS = 600000;
const MOST_UNTYPED = 1000;
const MOST_TOLD = 5;

function told({ key, task_name, error, next_task }) {
  const values = { key, task: task_name, error, next: next_task.task_name };
  return text(error ? "unblock_preview_error" : "unblock_preview", values);
}

function confirmed(button, found) {
  const count = found.matching;
  const lines = (found.first ?? []).slice(0, MOST_TOLD).map(told);
  if (count > lines.length) lines.push(counted("unblock_more", count - lines.length));
  const sentences = [counted(`unblock_${button.dataset.unblock}_ask`, count)];
  if (found.skipped) sentences.push(counted("unblock_skipped", found.skipped));
  const danger = button.classList.contains("danger");
  return ask(sentences.join(" "), button.textContent.trim(), { danger, facts: lines, count: count > MOST_UNTYPED ? count : undefined });
}

async function act(button) {
  const { unblock: action, queue, prefix } = button.dataset;
  const to = `api/v1/queues/${encodeURIComponent(queue)}/keys`;
  const body = JSON.stringify({ action, prefix: prefix || undefined });
  const goBack = keepPlace();
  button.disabled = true;
  clearWarnings();
  let message = sayWhile(text("counting"));
  try {
    const found = await call("POST", `${to}?dry_run=true`, body, GIVE_UP_MS);
    message.close();
    if (!found.matching) {
      say(text("unblock_nothing"));
    } else if (await confirmed(button, found)) {
      message = sayWhile(text("working"));
      const { freed } = await call("POST", to, body, GIVE_UP_MS);
      say(counted(`unblock_${action}_done`, freed));
    }
  } catch (error) {
    warn(error.message);
  } finally {
    message.close();
    button.disabled = false;
    goBack();
  }
}

export function listenForUnblocking() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-unblock]");
    if (button) act(button);
  });
}

// Bulk actions on all tasks that a filter finds, on all pages. A dry run counts them first. Attributes of a button:
// data-bulk, the action; data-query, the filter; data-since and data-until, times in seconds ago.

import { ask, call } from "./actions.js";
import { number } from "./formats.js";
import { announce, text } from "./page.js";
import { now } from "./times.js";

const GIVE_UP_MS = 600000;
const CALLS = {
  cancel: { method: "POST", to: "api/v1/tasks/cancel", done: "cancelled" },
  run: { method: "POST", to: "api/v1/tasks/run", done: "released" },
  requeue: { method: "POST", to: "api/v1/tasks/requeue", done: "requeued" },
  delete: { method: "DELETE", to: "api/v1/tasks", done: "deleted" },
};

// A text with the count `n`.
export function counted(key, n, values = {}) {
  return text(key, { n, count: number.format(n), ...values });
}

function query(button) {
  const found = new URLSearchParams(button.dataset.query);
  for (const name of ["since", "until"]) {
    if (name in button.dataset) found.set(name, new Date(now() - 1000 * button.dataset[name]).toISOString());
  }
  return found;
}

function question(act, counts) {
  const sentence = counted(`${act}_all`, counts.matching);
  return counts.skipped_running ? `${sentence} ${counted("left_alone", counts.skipped_running)}` : sentence;
}

async function act(button) {
  const name = button.dataset.bulk;
  const { method, to, done } = CALLS[name];
  const chosen = query(button);
  button.disabled = true;
  announce(text("counting"));
  try {
    const counts = await call(method, `${to}?${new URLSearchParams([...chosen, ["dry_run", "true"]])}`, undefined, GIVE_UP_MS);
    announce("");
    if (!counts.matching) {
      announce(text(`nothing_to_${name}`));
    } else if (await ask(question(name, counts), button.textContent.trim())) {
      announce(text("working"));
      const found = await call(method, `${to}?${chosen}`, undefined, GIVE_UP_MS);
      announce(counted(done, found[done]));
    }
  } catch (error) {
    announce(error.message, true);
  } finally {
    button.disabled = false;
    document.getElementById("announcement").scrollIntoView({ block: "nearest" });
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

// What buttons and forms do to the server, through its API. An element says how by data-method, where by data-to (from
// the root of the dashboard), what to ask before by data-confirm, and what to say when it is done by data-done. What a
// form sends is its fields as JSON, what stands in data-body otherwise. The page is loaded anew afterwards unless it is
// live, or goes to data-next.

import { announce, root, text } from "./page.js";

const GIVE_UP_MS = 15000;
const KEPT = "lapinq.message";

function grants(form) {
  const queues = Object.create(null); // of which no name is special, as a queue's may be anything
  for (const group of form.querySelectorAll("fieldset")) {
    const queue = group.dataset.queue ?? group.querySelector("[data-new-queue]").value.trim();
    const may = [...group.querySelectorAll("input:checked")].map((box) => box.dataset.permission);
    if (queue && may.length) queues[queue] = [...new Set([...(queues[queue] ?? []), ...may])];
  }
  return { queues };
}

function fields(form) {
  const found = {};
  for (const [name, value] of new FormData(form)) {
    // Boxes of one name are a list; a field that was left empty says nothing.
    if (form.querySelector(`[name="${CSS.escape(name)}"][data-list]`)) (found[name] ??= []).push(value);
    else if (value !== "" || !("optional" in form.dataset)) found[name] = value;
  }
  return found;
}

function content(element) {
  if (element.dataset.body) return element.dataset.body;
  if (element.tagName !== "FORM" || element.dataset.method === "DELETE") return undefined;
  return JSON.stringify("grants" in element.dataset ? grants(element) : fields(element));
}

// The answer of the API as an object. Throws an Error with the sentence to show when it is none that succeeded; what it
// knows besides are the `status`, and in `details` which values were not right.
export async function call(method, to, body, giveUpMs = GIVE_UP_MS) {
  let answer;
  try {
    answer = await fetch(new URL(to, root), {
      method,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body,
      signal: AbortSignal.timeout(giveUpMs),
    });
  } catch {
    throw new Error(text("no_answer"));
  }
  if (answer.status === 401) {
    location.assign(new URL("login", root));
    throw new Error(text("logged_out"));
  }
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const sentence = found.error ?? answer.statusText;
    const error = new Error(`${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`);
    throw Object.assign(error, { status: answer.status, details: found.details ?? [] });
  }
  return found;
}

// Whether the viewer says yes, in a dialog of the page's own.
export function ask(question, yes) {
  const dialog = document.getElementById("ask");
  dialog.querySelector("p").textContent = question;
  dialog.querySelector("[value=yes]").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// Says `message` now, or on the page that comes next.
export function done(message, next) {
  if (next !== undefined || !document.querySelector("[data-part]")) {
    if (message) sessionStorage.setItem(KEPT, message);
    if (next) location.assign(new URL(next, root));
    else location.reload();
  } else {
    announce(message ?? text("done"));
  }
}

async function act(element, button) {
  // Read now: by the time of the answer the page may have been made anew, and this be another button.
  const { confirm, method, to, done: message, secret } = element.dataset;
  const next = element.dataset.next ?? ("reload" in element.dataset ? "" : undefined);
  if (confirm && !(await ask(confirm, button.textContent.trim()))) return;
  button.disabled = true;
  announce("");
  try {
    const found = await call(method, to, content(element));
    if (secret === undefined) done(message, next);
    else showSecret(secret, found);
  } catch (error) {
    announce(error.message, true);
    document.getElementById("announcement").scrollIntoView({ block: "nearest" });
  } finally {
    button.disabled = false;
  }
}

// What is shown once and never again.
function showSecret(id, found) {
  const place = document.getElementById(id);
  place.hidden = false;
  place.querySelector("code").textContent = found.key;
  place.focus();
}

async function copy(button) {
  const place = document.getElementById(button.dataset.copy);
  if (navigator.clipboard) await navigator.clipboard.writeText(place.textContent);
  else select(place); // over plain HTTP a page may not write there: the viewer copies what is selected
  announce(text(navigator.clipboard ? "copied" : "selected"));
}

function select(place) {
  const fold = place.closest("details");
  if (fold) fold.open = true;
  document.getSelection().selectAllChildren(place);
}

export function listenForActions() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-to]");
    if (!form) return;
    event.preventDefault();
    act(form, form.querySelector("button[type=submit]"));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-to]");
    if (button) act(button, button);
    const copier = event.target.closest("button[data-copy]");
    if (copier) copy(copier);
  });
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (kept) announce(kept);
}

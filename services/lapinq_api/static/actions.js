// Buttons and forms that call the API. Attributes of an element: data-method; data-to, the path from the dashboard's root;
// data-confirm, a question to ask first; data-done, a message on success; data-asked, one if the task still runs and was
// asked to stop; data-follow, the path of what the message is about, with members of the answer in braces. A form sends its
// fields as JSON, a button its data-body; with data-once a repeat after no answer has no second effect; data-as makes a
// field a number, a share from percent, a list of its lines or addresses, or weights, and data-empty="null" an empty one
// null. Afterwards the page reloads, unless it is live or data-next names another one.

import { ask } from "./dialogs.js";
import { pageAddress, root, text } from "./page.js";
import { keepPlace } from "./places.js";
import { clearWarnings, say, sayKept, sayNext, warn } from "./toasts.js";

const GIVE_UP_MS = 15000;
const SEPARATORS = { lines: "\n", addresses: /[\n,]/ }; // the name of a queue may hold a comma

function grants(form) {
  const queues = Object.create(null); // without a prototype: a queue may have any name
  for (const group of form.querySelectorAll("fieldset")) {
    const queue = group.dataset.queue ?? group.querySelector("[data-new-queue]").value.trim();
    const may = [...group.querySelectorAll("input:checked")].map((box) => box.dataset.permission);
    if (queue && may.length) queues[queue] = [...new Set([...(queues[queue] ?? []), ...may])];
  }
  return { queues };
}

// The value of a field: as data-as says.
function typed(field, value) {
  if (value === "" && field.dataset?.empty === "null") return null;
  if (field.dataset?.as === "number" && value !== "") return Number(value);
  if (field.dataset?.as === "percent" && value !== "") return Number(value) / 100;
  if (field.dataset?.as in SEPARATORS && value !== "") {
    return value.split(SEPARATORS[field.dataset.as]).map((one) => one.trim()).filter(Boolean);
  }
  if (field.dataset?.as === "weights") return weights(value);
  return value;
}

// Lines such as "gold = 3" as an object. What is no number is refused by the API.
function weights(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.lastIndexOf("=");
      const weight = line.slice(at + 1).trim();
      return at < 0 ? [weight, null] : [line.slice(0, at).trim(), Number.isNaN(Number(weight)) ? weight : Number(weight)];
    }),
  );
}

// Fields called a.b are members of an object a, which is null if all are empty.
function nested(found) {
  for (const name of Object.keys(found).filter((one) => one.includes("."))) {
    const [whole, part] = name.split(".");
    found[whole] ??= null;
    if (found[name] !== null) (found[whole] ??= {})[part] = found[name];
    delete found[name];
  }
  return found;
}

// What the form sends, by name.
export function fields(form) {
  const found = {};
  for (const [name, text] of new FormData(form)) {
    // Checkboxes with one name are a list. Empty optional fields are left out.
    const value = typed(form.elements[name], text);
    const field = form.querySelector(`[name="${CSS.escape(name)}"]`);
    if ("flag" in field.dataset) found[name] = true;
    else if ("list" in field.dataset) (found[name] ??= []).push(value);
    else if (value !== "" || !("optional" in form.dataset)) found[name] = value;
  }
  return nested(found);
}

function content(element) {
  if (element.dataset.body) return element.dataset.body;
  if (element.tagName !== "FORM" || element.dataset.method === "DELETE") return undefined;
  return JSON.stringify("grants" in element.dataset ? grants(element) : fields(element));
}

// The API's response as an object. Throws an Error with a sentence to show, with the `status` and the invalid values in
// `details`.
export async function call(method, to, body, giveUpMs = GIVE_UP_MS, key) {
  let answer;
  try {
    answer = await fetch(new URL(to, root), {
      method,
      headers: { ...(body !== undefined && { "Content-Type": "application/json" }), ...(key && { "Idempotency-Key": key }) },
      body,
      signal: AbortSignal.timeout(giveUpMs),
    });
  } catch {
    throw new Error(text("no_answer"));
  }
  if (answer.status === 401) {
    location.assign(new URL(`login?${new URLSearchParams({ ended: 1, next: `/${pageAddress()}` })}`, root));
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

const unanswered = new Map();

// Like `call`, for a request that enqueues. Repeated after no answer, it has the same idempotency key: the task that the
// server may have stored is not enqueued twice.
export async function callOnce(method, to, body) {
  const request = `${method} ${to} ${body ?? ""}`;
  if (!unanswered.has(request)) unanswered.set(request, newKey());
  try {
    const found = await call(method, to, body, GIVE_UP_MS, unanswered.get(request));
    unanswered.delete(request);
    return found;
  } catch (error) {
    if (error.status < 500) unanswered.delete(request);
    throw error;
  }
}

// Not randomUUID, which plain HTTP lacks.
function newKey() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((number) => number.toString(16).padStart(8, "0")).join("");
}

// Says `message` now, or on the next page. `follow` is the path of what it is about.
export function done(message, next, follow) {
  if (next !== undefined || !document.querySelector("[data-part]")) {
    if (message) sayNext(message, follow);
    if (next) location.assign(new URL(next, root));
    else location.reload();
  } else {
    say(message ?? text("done"), follow);
  }
}

function filled(template, answer) {
  return template?.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(answer[name] ?? ""));
}

async function act(element, button) {
  // Read now: until the response arrives, an update may turn this button into another.
  const { confirm, method, to, done: message, asked, follow, secret } = element.dataset;
  const next = element.dataset.next ?? ("reload" in element.dataset ? "" : undefined);
  const danger = button.classList.contains("danger");
  const goBack = keepPlace();
  if (confirm && !(await ask(confirm, button.textContent.trim(), { danger }))) return;
  button.disabled = true;
  clearWarnings();
  try {
    const found = await ("once" in element.dataset ? callOnce : call)(method, to, content(element));
    const shown = secret === undefined ? undefined : (found.key ?? (found.link && new URL(found.link, root).href));
    if (shown) showSecret(secret, shown);
    else done(found.cancel_requested && asked ? asked : message, next, filled(follow, found));
  } catch (error) {
    warn(error.message);
  } finally {
    button.disabled = false;
    goBack();
  }
}

// A secret, which is shown only once.
function showSecret(id, shown) {
  const place = document.getElementById(id);
  place.hidden = false;
  place.querySelector("code").textContent = shown;
  place.focus();
}

async function copy(button) {
  const place = document.getElementById(button.dataset.copy);
  if (navigator.clipboard) await navigator.clipboard.writeText(place.textContent);
  else select(place); // no clipboard access over plain HTTP: the user copies the selection
  say(text(navigator.clipboard ? "copied" : "selected"));
}

function select(place) {
  const fold = place.closest("details");
  if (fold) fold.open = true;
  document.getSelection().selectAllChildren(place);
}

export function listenForActions() {
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-to]:not([data-kept])");
    if (!form) return;
    event.preventDefault();
    act(form, form.querySelector("button[type=submit]"));
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-to]");
    if (button) act(button, button);
    const refused = event.target.closest("[data-why]");
    if (refused) say(refused.dataset.why);
    const copier = event.target.closest("button[data-copy]");
    if (copier) copy(copier);
  });
  sayKept();
}

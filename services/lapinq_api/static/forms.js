// Sends the forms of the account and the users page as JSON, and shows what came of it. A form says where it goes by
// data-to (from the root of the dashboard), how by data-method, and what to say when it is done by data-done; without
// that the page is only loaded anew.

const root = new URL(document.querySelector("a.brand").href);
const message = document.getElementById("message");
const KEPT = "lapinq.message";

function say(text, failed) {
  message.textContent = text;
  message.classList.toggle("failed", failed);
}

function grants(form) {
  const queues = Object.create(null); // of which no name is special, as a queue's may be anything
  for (const group of form.querySelectorAll("fieldset")) {
    const queue = group.dataset.queue ?? group.querySelector("[data-new-queue]").value.trim();
    const may = [...group.querySelectorAll("input:checked")].map((box) => box.dataset.permission);
    if (queue && may.length) queues[queue] = [...new Set([...(queues[queue] ?? []), ...may])];
  }
  return { queues };
}

function content(form) {
  if (form.dataset.method === "DELETE") return undefined;
  return JSON.stringify("grants" in form.dataset ? grants(form) : Object.fromEntries(new FormData(form)));
}

async function send(form) {
  const body = content(form);
  const answer = await fetch(new URL(form.dataset.to, root), {
    method: form.dataset.method,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body,
    signal: AbortSignal.timeout(15000),
  });
  if (answer.status === 401) return location.assign(new URL("login", root));
  if (!answer.ok) throw new Error((await answer.json()).error);
  if (form.dataset.done) sessionStorage.setItem(KEPT, form.dataset.done);
  location.reload();
}

async function submitted(event) {
  const form = event.target.closest("form[data-to]");
  if (!form) return;
  event.preventDefault();
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return;
  const button = form.querySelector("button[type=submit]");
  button.disabled = true;
  say("", false);
  try {
    await send(form);
  } catch (error) {
    const text = error.name === "TimeoutError" || error instanceof TypeError ? "No answer from the server" : error.message;
    say(`${text.charAt(0).toUpperCase()}${text.slice(1)}.`, true);
    message.scrollIntoView({ block: "nearest" });
  } finally {
    button.disabled = false;
  }
}

document.addEventListener("submit", submitted);
const kept = sessionStorage.getItem(KEPT);
sessionStorage.removeItem(KEPT);
if (kept) say(kept, false);

// Dialogs. The question before an action. And forms shared by all rows of a list; attributes of a button: data-dialog, the
// dialog to open; data-dialog-to, where its form goes; data-dialog-name, the name to show; data-dialog-values, what the
// fields have at first.

import { counted } from "./formats.js";

function open(button) {
  const dialog = document.getElementById(button.dataset.dialog);
  const form = dialog.querySelector("form");
  form.reset();
  form.dataset.to = button.dataset.dialogTo;
  form.dataset.done = button.dataset.dialogDone;
  dialog.querySelector("[data-dialog-named]").textContent = button.dataset.dialogName;
  const values = JSON.parse(button.dataset.dialogValues ?? "{}");
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value ?? "";
  dialog.showModal();
}

// Opens the dialog that the address asks for, such as #pause-queue, once.
function openAsked() {
  const asked = location.hash.slice(1);
  const button = asked && document.querySelector(`button[data-dialog="${CSS.escape(asked)}"]`);
  if (!button) return;
  history.replaceState(history.state, "", location.pathname + location.search);
  open(button);
}

function digits(words) {
  return words.replace(/\D/g, "");
}

// Asks the user in a dialog. Resolves to whether they said yes, with the button labelled `yes`. `danger` makes it red. With
// `count`, they type that number first. `facts` are short sentences below the question.
export function ask(question, yes, { danger = false, count, facts = [] } = {}) {
  const dialog = document.getElementById("ask");
  const [no, go] = dialog.querySelectorAll("button");
  const typed = dialog.querySelector("input");
  dialog.querySelector("p").textContent = question;
  const told = dialog.querySelector("ul");
  told.hidden = !facts.length;
  told.replaceChildren(...facts.map((fact) => Object.assign(document.createElement("li"), { textContent: fact })));
  // Beside an action that is called Cancel, Cancel has two meanings.
  no.textContent = yes.startsWith(no.dataset.no) ? no.dataset.back : no.dataset.no;
  go.textContent = yes;
  go.classList.toggle("danger", danger);
  typed.value = "";
  typed.closest(".typed").hidden = count === undefined;
  typed.labels[0].textContent = count === undefined ? "" : counted("type_count", count);
  const check = () => (go.disabled = count !== undefined && digits(typed.value) !== String(count));
  typed.oninput = check;
  typed.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault(); // it would press the first button
    go.click();
  };
  check();
  dialog.returnValue = "";
  dialog.showModal();
  (count === undefined ? no : typed).focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function listenForDialogs() {
  openAsked();
  window.addEventListener("hashchange", openAsked);
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("button[data-dialog]");
    if (opener) open(opener);
    else if (event.target.closest("button[data-close]")) event.target.closest("dialog").close();
  });
  // The page shows the outcome. Some forms close their dialog themselves.
  document.addEventListener("submit", (event) => event.target.matches("dialog form[data-to]:not([data-kept])") && event.target.closest("dialog").close());
}

// Dialogs with a form, shared by all rows of a list. Attributes of a button: data-dialog, the dialog to open;
// data-dialog-to, where its form goes; data-dialog-name, the name to show.

function open(button) {
  const dialog = document.getElementById(button.dataset.dialog);
  const form = dialog.querySelector("form");
  form.reset();
  form.dataset.to = button.dataset.dialogTo;
  form.dataset.done = button.dataset.dialogDone;
  dialog.querySelector("[data-dialog-named]").textContent = button.dataset.dialogName;
  dialog.showModal();
}

export function listenForDialogs() {
  document.addEventListener("click", (event) => {
    const opener = event.target.closest("button[data-dialog]");
    if (opener) open(opener);
    else if (event.target.closest("button[data-close]")) event.target.closest("dialog").close();
  });
  // The page shows the outcome. Some forms close their dialog themselves.
  document.addEventListener("submit", (event) => event.target.matches("dialog form[data-to]") && event.target.closest("dialog").close());
}

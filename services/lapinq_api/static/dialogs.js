// Dialogs with a form of their own. One serves a whole list: the button that opens it says by data-dialog which one, by
// data-dialog-to where its form goes, and by data-dialog-name what it is about.

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
  // What comes of it is said on the page. A form that closes its dialog itself is left to do so.
  document.addEventListener("submit", (event) => event.target.matches("dialog form[data-to]") && event.target.closest("dialog").close());
}

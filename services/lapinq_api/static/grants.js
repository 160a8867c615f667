// The permissions of a user: offers the queues that exist, when the form is opened, so that they need not be typed.

const MOST = 20;

function row(queue) {
  const made = document.getElementById("grant").content.firstElementChild.cloneNode(true);
  made.dataset.queue = queue;
  made.querySelector("legend").textContent = queue;
  return made;
}

function offer(form) {
  const place = form.querySelector("[data-known-queues]");
  if (!place || place.childElementCount) return;
  const shown = new Set([...form.querySelectorAll("fieldset[data-queue]")].map((group) => group.dataset.queue));
  const known = [...document.getElementById("known-queues").options].map((option) => option.value);
  place.append(...known.filter((queue) => !shown.has(queue)).slice(0, MOST).map(row));
}

document.addEventListener("toggle", (event) => event.target.open && event.target.querySelector("[data-grants]") && offer(event.target.querySelector("[data-grants]")), true);

// Messages about what was done or failed. They lie above the page and move nothing on it. They go by themselves, but not
// while the pointer or the focus is on them; errors stay until they are closed.

import { root } from "./page.js";

const SHOWN_MS = 6000;
const MOST = 4;
const NEAR_BOTTOM_PX = 160;
const KEPT = "lapinq.message";

function leave(toast, cameFrom) {
  const hadFocus = toast.contains(document.activeElement);
  toast.remove();
  if (hadFocus && cameFrom?.isConnected) cameFrom.focus();
}

// Whether the actions on selected rows stand where messages do.
function isBarBelow() {
  const bar = document.getElementById("selection");
  return Boolean(bar && !bar.hidden && bar.getBoundingClientRect().bottom > innerHeight - NEAR_BOTTOM_PX);
}

function add(place, message, { follow, stays = false, role, kind } = {}) {
  const toast = document.getElementById("toast").content.firstElementChild.cloneNode(true);
  let timer, cameFrom;
  const close = () => leave(toast, cameFrom);
  const wait = () => {
    clearTimeout(timer);
    if (!stays && !toast.matches(":hover, :focus-within")) timer = setTimeout(close, SHOWN_MS);
  };
  if (role) toast.setAttribute("role", role);
  if (kind) toast.classList.add(kind);
  toast.querySelector("p").textContent = message;
  if (follow) {
    const link = toast.querySelector("a");
    link.href = new URL(follow, root);
    link.hidden = false;
  }
  toast.querySelector("button").addEventListener("click", close);
  toast.addEventListener("pointerenter", () => clearTimeout(timer));
  toast.addEventListener("pointerleave", wait);
  toast.addEventListener("focusin", (event) => {
    clearTimeout(timer);
    if (!toast.contains(event.relatedTarget)) cameFrom = event.relatedTarget;
  });
  toast.addEventListener("focusout", () => setTimeout(wait));
  document.getElementById("toasts").classList.toggle("above", isBarBelow());
  place.append(toast);
  if (place.childElementCount > MOST) place.firstElementChild.remove();
  wait();
  return { close, change: (words) => (toast.querySelector("p").textContent = words) };
}

// Says that something was done. `follow` is the path of the page that shows it.
export function say(message, follow) {
  return add(document.getElementById("messages"), message, { follow });
}

// Says that there was nothing to do.
export function note(message) {
  return add(document.getElementById("messages"), message, { kind: "note" });
}

// Says what went wrong.
export function warn(message) {
  return add(document.getElementById("warnings"), message, { stays: true, role: "alert" });
}

// Says that something goes on. Call `close` of the answer when it has ended, `change` with other words.
export function sayWhile(message, follow) {
  return add(document.getElementById("messages"), message, { follow, stays: true });
}

// Removes the errors of an earlier attempt.
export function clearWarnings() {
  document.getElementById("warnings").replaceChildren();
}

// Says it on the page that is opened next.
export function sayNext(message, follow) {
  sessionStorage.setItem(KEPT, JSON.stringify({ message, follow }));
}

// Says what the page before left to say.
export function sayKept() {
  const kept = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  if (!kept) return;
  const { message, follow } = JSON.parse(kept);
  say(message, follow);
}

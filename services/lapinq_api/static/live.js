// Keeps the page as it is on the server: the socket sends the parts that changed, and they are morphed into place, so
// that focus, selection and what is unfolded stay. A part in which the pointer is keeps its rows where they are.

import { Idiomorph } from "./vendor/idiomorph.esm.js";
import { drawBars } from "./bars.js";
import { drawCharts } from "./charts.js";
import { pageAddress, root, text } from "./page.js";
import { keepSelection } from "./selection.js";
import { tellTimes } from "./times.js";
import { drawTrees } from "./tree.js";

const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 15000;
const SESSION_ENDED = 1008;

const state = document.getElementById("live-state");
const pauseButton = document.getElementById("pause");
const held = new Map(); // parts that wait: because of a pause, or of the pointer
let socket, coming;
let pause = FIRST_PAUSE_MS;
let isPaused = false;
let connection = "still"; // or live, away, stale, reconnecting

// Says how things are. A pause shows as long as nothing worse is so.
function say(name = connection) {
  connection = name;
  const shown = isPaused && name === "live" ? "paused" : name;
  if (state.dataset.state === shown || shown === "still") return;
  state.dataset.state = shown;
  state.firstElementChild.textContent = text(shown);
}

// Whether some of its text is selected.
function isReading(part) {
  const selection = document.getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

// Whether rows may not come, go or change places under the pointer or the focus.
function isHeldStill(part) {
  return "steady" in part.dataset && (part.matches(":hover") || part.contains(document.activeElement));
}

const callbacks = {
  // What the viewer did to an element is theirs.
  beforeAttributeUpdated: (name, node) =>
    !(name === "open" && node.tagName === "DETAILS") && !("mine" in node.dataset) && !(name === "title" && node.tagName === "TIME"),
  beforeNodeMorphed: (node) => !(node.dataset && "mine" in node.dataset),
};

// What somebody types in is left alone; a button under the focus changes as any other.
function isTyping() {
  return document.activeElement?.matches("input, select, textarea") ?? false;
}

function morph(part, html) {
  const ignoreActiveValue = isTyping();
  Idiomorph.morph(part, html, { morphStyle: "innerHTML", ignoreActiveValue, restoreFocus: true, callbacks });
  tellTimes(part);
  keepSelection(part);
  drawCharts(part);
  drawBars(part);
  drawTrees(part);
}

// The rows that are there, as they are now; new ones wait.
function morphInPlace(part, html) {
  const next = document.createElement("template");
  next.innerHTML = html;
  let waiting = 0;
  for (const row of next.content.querySelectorAll("tr[id]")) {
    const shown = document.getElementById(row.id);
    if (shown && part.contains(shown)) {
      Idiomorph.morph(shown, row, { ignoreActiveValue: isTyping(), callbacks });
      tellTimes(shown);
    } else {
      waiting += 1;
    }
  }
  keepSelection(part);
  const note = part.querySelector("[data-waiting]");
  if (note) {
    note.hidden = !waiting;
    note.textContent = text(note.dataset.waiting || "waiting", { n: waiting });
  }
}

function show(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  if (isPaused || isReading(part)) {
    held.set(id, html);
  } else if (isHeldStill(part)) {
    held.set(id, html);
    morphInPlace(part, html);
  } else {
    held.delete(id);
    morph(part, html);
  }
}

function showHeld() {
  for (const [id, html] of [...held]) show(id, html);
}

function hear(event) {
  const message = JSON.parse(event.data);
  if (message.parts) {
    for (const [id, html] of Object.entries(message.parts)) show(id, html);
    say("live");
    pause = FIRST_PAUSE_MS;
  } else if (message.away) {
    say("away");
  } else if (message.error) {
    say("stale");
  }
}

function connect() {
  const address = new URL("ws", root);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "auth" }));
    socket.send(JSON.stringify({ type: "watch", page: pageAddress() }));
  };
  socket.onmessage = hear;
  socket.onclose = (event) => {
    if (event.code === SESSION_ENDED) {
      location.reload(); // which leads to the login
      return;
    }
    say("reconnecting");
    // With some chance in it, so that all viewers of a server that comes back don't come at once.
    coming = setTimeout(connect, pause * (0.5 + Math.random()));
    pause = Math.min(pause * 2, LAST_PAUSE_MS);
  };
}

function togglePause() {
  isPaused = !isPaused;
  pauseButton.setAttribute("aria-pressed", isPaused);
  say();
  showHeld();
}

export function stayLive() {
  if (!state || !document.querySelector("[data-part]")) return;
  pauseButton.addEventListener("click", togglePause);
  document.addEventListener("selectionchange", showHeld);
  document.addEventListener("pointerout", (event) => {
    const part = event.target.closest("[data-part]");
    if (part && !part.contains(event.relatedTarget)) setTimeout(showHeld);
  });
  document.addEventListener("focusout", () => setTimeout(showHeld));
  document.addEventListener("click", (event) => {
    const note = event.target.closest("[data-waiting]");
    const part = note?.closest("[data-part]");
    if (part && held.has(part.id)) {
      const html = held.get(part.id);
      held.delete(part.id);
      morph(part, html);
    }
  });
  // A browser may keep the page for when its viewer comes back; the socket does not live that long.
  window.addEventListener("pagehide", () => {
    clearTimeout(coming);
    socket.onclose = null;
    socket.close();
  });
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

// Live updates: the socket sends changed parts, which are morphed into place, so that focus, selection and open details
// stay. The rows of a calm list don't move under its reader's eyes (`calm.js`).

import { Idiomorph } from "./vendor/idiomorph.esm.js";
import { drawBars } from "./bars.js";
import { isUnfound, listenForCalm, mayReplace, noteReplaced, updateInPlace } from "./calm.js";
import { drawCharts } from "./charts.js";
import { drawLogs } from "./log.js";
import { pageAddress, root, text } from "./page.js";
import { keepPlace, returnToRow } from "./places.js";
import { keepSelection } from "./selection.js";
import { drawTabs } from "./tabs.js";
import { clockTime, now, tellTimes } from "./times.js";
import { drawTrees } from "./tree.js";

const INITIAL_PAUSE_MS = 500;
const MAX_PAUSE_MS = 15000;
const RETRY_MS = 1000;
const SESSION_ENDED = 1008;

const state = document.getElementById("live-state");
const pauseButton = document.getElementById("pause");
const deferred = new Map(); // part → its update, delayed by a pause, a selection, its reader, or because rows were not found
const inPlace = new Map(); // part → the update that the rows of a calm list show
let socket, reconnectTimer;
let pause = INITIAL_PAUSE_MS;
let isPaused = false;
let connection = "still"; // or live, away (the database is unavailable), stale, reconnecting
let shownAt = Date.parse(document.documentElement.dataset.now); // what the page shows, unless it is live

// Shows the connection's state. A pause shows only while the connection is live.
function showState(name = connection) {
  connection = name;
  const shown = isPaused && name === "live" ? "paused" : name;
  if (state.dataset.state === shown || shown === "still") return;
  if (state.dataset.state === "live") shownAt = now();
  state.dataset.state = shown;
  state.firstElementChild.textContent = text(shown);
  for (const part of document.querySelectorAll("[data-part]")) {
    if (shown === "live") delete part.dataset.asOf;
    else part.dataset.asOf = text("as_of", { time: clockTime(shownAt) });
  }
}

// Whether some of the part's text is selected.
function isReading(part) {
  const selection = document.getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

const callbacks = {
  // Keep what the user changed in an element.
  beforeAttributeUpdated: (name, node) =>
    !(name === "open" && node.tagName === "DETAILS") && !("mine" in node.dataset) && !(name === "title" && node.tagName === "TIME"),
  beforeNodeMorphed: (node) => !(node.dataset && "mine" in node.dataset),
};

// Updates leave a field alone in which the user types. A focused button changes like any other.
function isTyping() {
  return document.activeElement?.matches("input, select, textarea") ?? false;
}

function morph(part, html) {
  const goBack = keepPlace();
  const ignoreActiveValue = isTyping();
  Idiomorph.morph(part, html, { morphStyle: "innerHTML", ignoreActiveValue, restoreFocus: true, callbacks });
  tellTimes(part);
  keepSelection(part);
  drawCharts(part);
  drawBars(part);
  drawTabs(part);
  drawTrees(part);
  drawLogs(part);
  noteReplaced(part);
  goBack();
  returnToRow();
}

function updateRow(shown, next) {
  Idiomorph.morph(shown, next, { ignoreActiveValue: isTyping(), restoreFocus: true, callbacks });
  tellTimes(shown);
}

function show(id, html) {
  const part = document.getElementById(id);
  if (!part) return;
  if (isPaused || isReading(part) || isUnfound(part, html)) {
    deferred.set(id, html);
  } else if (mayReplace(part, html)) {
    deferred.delete(id);
    inPlace.delete(id);
    morph(part, html);
  } else if (inPlace.get(id) !== html) {
    deferred.set(id, html);
    inPlace.set(id, html);
    updateInPlace(part, html, updateRow);
    keepSelection(part);
  }
}

function showDeferred() {
  for (const [id, html] of [...deferred]) show(id, html);
}

function receive(event) {
  const message = JSON.parse(event.data);
  if (message.parts) {
    for (const [id, html] of Object.entries(message.parts)) show(id, html);
    showState("live");
    pause = INITIAL_PAUSE_MS;
  } else if (message.away) {
    showState("away");
  } else if (message.error) {
    showState("stale");
  }
}

// Leads to the login, which explains why, or reloads the page if there is a session after all.
async function logIn() {
  const answer = await fetch(location.href, { method: "HEAD", headers: { Accept: "text/html" } });
  const next = new URL(answer.url);
  if (answer.redirected) next.searchParams.set("ended", 1);
  location.replace(next);
}

function reconnect() {
  showState("reconnecting");
  // With jitter, so that not all viewers reconnect to a restarted server at the same time.
  reconnectTimer = setTimeout(connect, pause * (0.5 + Math.random()));
  pause = Math.min(pause * 2, MAX_PAUSE_MS);
}

function connect() {
  const address = new URL("ws", root);
  address.protocol = address.protocol.replace("http", "ws");
  socket = new WebSocket(address);
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "auth" }));
    socket.send(JSON.stringify({ type: "watch", page: pageAddress() }));
  };
  socket.onmessage = receive;
  socket.onclose = (event) => {
    if (event.code === SESSION_ENDED) logIn().catch(reconnect);
    else reconnect();
  };
}

function togglePause() {
  isPaused = !isPaused;
  pauseButton.setAttribute("aria-pressed", isPaused);
  showState();
  showDeferred();
}

export function stayLive() {
  if (!state || !document.querySelector("[data-part]")) return;
  pauseButton.addEventListener("click", togglePause);
  document.addEventListener("selectionchange", showDeferred);
  document.addEventListener("pointerout", (event) => {
    const part = event.target.closest("[data-part]");
    if (part && !part.contains(event.relatedTarget)) setTimeout(showDeferred);
  });
  document.addEventListener("focusout", () => setTimeout(showDeferred));
  setInterval(showDeferred, RETRY_MS); // its reader may be idle by now
  listenForCalm((part) => {
    const html = deferred.get(part.id);
    deferred.delete(part.id);
    inPlace.delete(part.id);
    if (html !== undefined) morph(part, html);
  });
  // The browser may keep the page in its back/forward cache, but not the socket.
  window.addEventListener("pagehide", () => {
    clearTimeout(reconnectTimer);
    socket.onclose = null;
    socket.close();
  });
  window.addEventListener("pageshow", (event) => event.persisted && connect());
  connect();
}

// The palette (Ctrl-K): one field for ids, names, pages and commands. Pages and commands are known to the page; everything
// else is searched on the server.

import { counted } from "./formats.js";
import { root, text } from "./page.js";
import { tellTimes } from "./times.js";

const WAIT_MS = 150;
const MOST_PAGES = 6;

const dialog = document.getElementById("palette");
const field = dialog?.querySelector("input");
const list = dialog?.querySelector("[role=listbox]");
const count = dialog?.querySelector("[role=status]");
let timer, request;
let isBehind = false; // what is shown is not yet for what was typed

function pages() {
  return [...document.querySelectorAll(".sheet a, .rail li > a")].map((link) => ({ kind: "page", label: link.querySelector("span").textContent.replaceAll("\u00ad", "").trim(), go: link.href }));
}

function commands() {
  return [...dialog.querySelectorAll("template")].flatMap((one) => [...one.content.querySelectorAll("a, button")]).map((one) => ({
    kind: "command",
    label: one.textContent.trim(),
    go: one.getAttribute("href") ? new URL(one.getAttribute("href"), root).href : () => document.querySelector(one.dataset.push)?.click(),
  }));
}

function known(words) {
  const wanted = words.toLowerCase();
  const names = new Set();
  return [...commands(), ...pages()].filter(({ label }) => {
    const isNew = !names.has(label);
    names.add(label);
    return isNew && label.toLowerCase().includes(wanted);
  }).slice(0, wanted ? MOST_PAGES : undefined);
}

function taskSearch(words) {
  return { kind: "task", label: text("search_tasks", { text: words }), go: new URL(`tasks?${new URLSearchParams({ q: words })}`, root).href };
}

function stateOf({ state, state_label }) {
  return words(`status ${state}`, state_label);
}

function ageOf({ at }) {
  const part = document.createElement("time");
  part.dateTime = at;
  part.dataset.as = "age";
  return part;
}

function words(name, content = "") {
  const part = document.createElement("span");
  part.className = name;
  part.textContent = content;
  return part;
}

function option({ kind, label, go, ...more }, index) {
  const item = document.createElement("li");
  item.id = `option-${index}`;
  item.setAttribute("role", "option");
  item.setAttribute("aria-selected", index === 0);
  const facts = words("facts");
  for (const name of ["id", "detail"]) if (more[name]) facts.append(words(name, more[name]), " ");
  if (more.state) facts.append(stateOf(more), " ");
  if (more.at) facts.append(ageOf(more));
  item.append(words("kind", text(`found_${kind}`)), " ", words("label", label), " ", facts);
  item.addEventListener("click", () => open(go));
  return item;
}

function show(entries) {
  list.replaceChildren(...entries.map(option));
  tellTimes(list);
  mark(0);
}

// Shows what is found, and says how much that is.
function showAll(entries) {
  show(entries);
  isBehind = false;
  count.textContent = entries.length ? counted("found_count", entries.length) : text("nothing_found");
}

function mark(index) {
  const options = [...list.children];
  options.forEach((one, at) => one.setAttribute("aria-selected", at === index));
  options[index]?.scrollIntoView({ block: "nearest" });
  if (options[index]) field.setAttribute("aria-activedescendant", options[index].id);
  else field.removeAttribute("aria-activedescendant");
}

function marked() {
  return [...list.children].findIndex((one) => one.getAttribute("aria-selected") === "true");
}

function open(go) {
  dialog.close();
  if (typeof go === "string") location.assign(go);
  else go();
}

// What is left of "pause mail", as a name to look for.
function withoutCommand(typed) {
  const command = text("pause_queue", { name: "" }).toLowerCase().match(/\p{L}+/gu);
  const parts = typed.split(/\s+/);
  const begin = parts.findIndex((part) => !command.includes(part.toLowerCase()));
  return begin > 0 ? parts.slice(begin).join(" ") : typed;
}

async function found(typed) {
  const name = withoutCommand(typed);
  request?.abort();
  request = new AbortController();
  const answer = await fetch(new URL(`search?${new URLSearchParams({ text: name })}`, root), {
    headers: { Accept: "application/json" },
    signal: request.signal,
  });
  if (!answer.ok) return [];
  const { results } = await answer.json();
  const hits = results.map(({ href, ...result }) => ({ ...result, go: new URL(href, root).href }));
  const first = hits.findIndex(({ kind }) => kind === "queue"); // the best match
  if (hits[first]?.may_pause) {
    const { label, go } = hits[first];
    hits.splice(name === typed ? first + 1 : 0, 0, { kind: "command", label: text("pause_queue", { name: label }), go: `${go}#pause-queue` });
  }
  return hits;
}

async function search() {
  const words = field.value.trim();
  if (!words) return showAll(known(""));
  const results = await found(words).catch((error) => (error.name === "AbortError" ? null : []));
  if (results && field.value.trim() === words) showAll([...results, ...known(words), taskSearch(words)]);
}

async function enter() {
  if (isBehind) {
    clearTimeout(timer);
    await search();
  }
  list.children[marked()]?.click();
}

function move(event) {
  const last = list.childElementCount - 1;
  const at = marked();
  if (event.key === "ArrowDown") mark(at < last ? at + 1 : 0);
  else if (event.key === "ArrowUp") mark(at > 0 ? at - 1 : last);
  else if (event.key === "Enter") enter();
  else return;
  event.preventDefault();
}

export function openPalette() {
  field.value = "";
  showAll(known(""));
  dialog.showModal();
}

export function listenForPalette() {
  if (!dialog) return;
  field.addEventListener("input", () => {
    isBehind = true;
    const words = field.value.trim();
    if (words) show([...known(words), taskSearch(words)]); // until the server answers
    clearTimeout(timer);
    timer = setTimeout(search, WAIT_MS);
  });
  field.addEventListener("keydown", move);
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close()); // beside it
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-palette]")) return;
    event.preventDefault();
    openPalette();
  });
}

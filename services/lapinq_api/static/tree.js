// Arguments and results as collapsible trees with search. A branch is drawn when it is opened, so a tree costs what is
// visible. The server draws small trees the same way (`dashboard/parts/json_tree.py`), for browsers without scripts and
// until this script runs.

import { read, visible } from "./json.js";
import { root, text } from "./page.js";
import { showTabOf } from "./tabs.js";

const CHUNK = 50;
const OPEN_DEPTH = 2;
const OPEN_ENTRIES = 20;
const MAX_STRING = 300;
const MAX_MATCHES = 200;
const PAUSE_MS = 150;
const MARKS = ":is([data-json], [data-find]) mark";

const branches = new WeakMap(); // details element → its content
let timer = 0;
let asked; // of the search that is under way

function make(name, className, content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

function fill(details) {
  const { entries, begin, count, depth } = branches.get(details);
  if (details.lastElementChild.tagName === "UL") return details.lastElementChild;
  const list = make("ul");
  for (const [key, value] of entries.slice(begin, begin + count)) list.append(draw(key, value, depth));
  const next = begin + count;
  if (next < entries.length) {
    const item = make("li");
    item.append(branch(`+ ${entries.length - next}`, "more", { entries, begin: next, count: count * 2, depth }));
    list.append(item);
  }
  details.append(list);
  return list;
}

function branch(label, className, content) {
  const details = make("details", className);
  const summary = make("summary");
  summary.append(label);
  details.append(summary);
  branches.set(details, content);
  details.addEventListener("toggle", () => details.open && fill(details));
  return details;
}

function string(value) {
  if (value.text.length <= MAX_STRING) return make("span", "string", value.text);
  const details = make("details", "long");
  const summary = make("summary");
  summary.append(make("span", "string", `${value.text.slice(0, 100)}…`), " ", make("span", "brief", value.text.length));
  details.append(summary, make("span", "string", value.text));
  return details;
}

function draw(key, value, depth) {
  const item = make("li");
  const name = key === null ? "" : make("span", "key", key);
  if (value.entries?.length) {
    const label = document.createDocumentFragment();
    const count = value.entries.length;
    label.append(name, make("span", "brief", value.kind === "object" ? `{${count}}` : `[${count}]`));
    const details = branch(label, "", { entries: value.entries, begin: 0, count: CHUNK, depth: depth + 1 });
    if (!depth || (depth < OPEN_DEPTH && count <= OPEN_ENTRIES)) {
      fill(details);
      details.open = true;
    }
    item.append(details);
  } else if (value.entries) {
    item.append(name, make("span", "brief", value.kind === "object" ? "{}" : "[]"));
  } else {
    item.append(name, value.kind === "string" ? string(value) : make("span", value.kind, value.text));
  }
  return item;
}

function show(place, value) {
  const names = place.dataset.names?.split(" ") ?? []; // of positional arguments
  if (value.kind === "array") value.entries.forEach((entry, index) => (entry[0] = names[index] ?? entry[0]));
  const list = make("ul", "json");
  list.append(draw(null, value, 0));
  place.replaceChildren(list);
  return list;
}

// Opens the branches down to an entry. Returns its item.
function reveal(details, index) {
  const { begin, count } = branches.get(details);
  const list = fill(details);
  details.open = true;
  if (index < begin + count) return list.children[index - begin];
  return reveal(list.lastElementChild.firstElementChild, index);
}

// Paths to keys and values that contain `wanted`, up to `most`.
function find(value, wanted, most) {
  const found = [];
  const walk = (one, path) => {
    if (one.text?.toLowerCase().includes(wanted)) found.push({ path, inKey: false });
    for (const [index, [key, inner]] of (one.entries ?? []).entries()) {
      if (found.length > most) return;
      const next = [...path, index];
      if (one.kind === "object" && key.toLowerCase().includes(wanted)) found.push({ path: next, inKey: true });
      walk(inner, next);
    }
  };
  walk(value, []);
  return found;
}

function mark(element, wanted) {
  const content = element.textContent;
  const lower = content.toLowerCase();
  const pieces = [];
  let at = 0;
  for (let next = lower.indexOf(wanted); next >= 0 && pieces.length < MAX_MATCHES; next = lower.indexOf(wanted, at)) {
    pieces.push(content.slice(at, next), make("mark", "", content.slice(next, next + wanted.length)));
    at = next + wanted.length;
  }
  if (pieces.length) element.replaceChildren(...pieces, content.slice(at));
}

function markMatch(list, { path, inKey }, wanted) {
  let item = list.firstElementChild;
  for (const index of path) item = reveal(item.querySelector(":scope > details"), index);
  const long = item.querySelector(":scope > details.long");
  if (long && !inKey) long.open = true;
  const place = inKey
    ? item.querySelector(":scope > .key, :scope > details > summary > .key")
    : (long?.lastElementChild ?? item.lastElementChild);
  mark(place, wanted);
}

// The server searches values that are shown in part. Returns how many matches there are, up to its limit and one more.
async function findOnServer(place, wanted, signal) {
  const address = new URL(place.dataset.find, root);
  address.searchParams.set("text", wanted);
  const answer = await fetch(address, { signal, headers: { Accept: "application/json" } });
  const found = await answer.json();
  place.hidden = false;
  if (!answer.ok) {
    place.replaceChildren(make("li", "soft", found.error));
    return 0;
  }
  place.replaceChildren(...found.excerpts.map(({ before, found: match, after }) => {
    const item = make("li");
    item.append(`…${visible(before)}`, make("mark", "", visible(match)), `${visible(after)}…`);
    return item;
  }));
  if (found.has_more) place.append(make("li", "soft", text("more_matches")));
  place.hidden = !found.excerpts.length;
  return found.excerpts.length + found.has_more;
}

async function search(box) {
  const wanted = box.value.trim().toLowerCase();
  asked?.abort();
  asked = new AbortController();
  let count = 0;
  for (const place of document.querySelectorAll("[data-json]")) {
    const value = read(document.getElementById(place.dataset.json).textContent);
    if (!value) continue;
    const list = show(place, value);
    if (!wanted) continue;
    const found = find(value, wanted, MAX_MATCHES - count);
    for (const match of found.slice(0, MAX_MATCHES - count)) markMatch(list, match, wanted);
    count += found.length;
  }
  const { signal } = asked;
  for (const place of document.querySelectorAll("[data-find]")) {
    place.hidden = true;
    try {
      if (wanted) count += await findOnServer(place, wanted, signal);
    } catch {
      if (signal.aborted) return;
    }
  }
  const marks = [...document.querySelectorAll(MARKS)];
  if (marks.length && !marks.some((one) => one.checkVisibility())) showTabOf(marks[0]);
  const said = document.getElementById("json-matches");
  if (!wanted) said.textContent = "";
  else if (!count) said.textContent = text("no_matches");
  else said.textContent = count > MAX_MATCHES ? text("many_matches", { n: MAX_MATCHES }) : text("matches", { n: count });
}

function next(box) {
  const marks = [...document.querySelectorAll(MARKS)];
  if (!marks.length) return;
  const at = marks.findIndex((one) => one.classList.contains("here"));
  marks[at]?.classList.remove("here");
  const here = marks[(at + 1) % marks.length];
  here.classList.add("here");
  showTabOf(here);
  here.scrollIntoView({ block: "nearest" });
  box.focus({ preventScroll: true });
}

// Draws the trees in `part` that aren't drawn yet.
export function drawTrees(part) {
  for (const place of part.querySelectorAll("[data-json]")) {
    if (place.dataset.drawn) continue;
    place.dataset.drawn = "yes";
    const value = read(document.getElementById(place.dataset.json).textContent);
    if (value) show(place, value);
    else if (!place.firstElementChild) place.closest("section").querySelector(".raw").open = true;
  }
  const box = document.querySelector("[data-json-search]");
  if (box?.value && part !== document && part.querySelector("[data-json], [data-find]")) search(box);
}

export function listenForSearch() {
  const box = document.querySelector("[data-json-search]");
  box?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, PAUSE_MS, box);
  });
  box?.addEventListener("keydown", (event) => {
    if (event.key === "Enter") next(box);
  });
}

// Keeps the overview fresh: fetches its changing part every two seconds while the page is in sight. What somebody is
// selecting stays as it is until they are done, and the focus stays on the link it is on.

const EVERY_MS = 2000;
const GIVE_UP_MS = 8000;

const live = document.getElementById("live");
const state = document.getElementById("live-state");
let timer;

function say(name, text) {
  if (state.dataset.state === name) return;
  state.dataset.state = name;
  state.firstElementChild.textContent = text;
}

function isReading() {
  const selection = document.getSelection();
  return !selection.isCollapsed && live.contains(selection.anchorNode);
}

function show(html) {
  const focused = live.contains(document.activeElement) && document.activeElement.getAttribute("href");
  live.innerHTML = html;
  if (focused) live.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const answer = await fetch(live.dataset.source, { signal: AbortSignal.timeout(GIVE_UP_MS) });
    if (answer.status === 401) return location.reload();
    if (!answer.ok && answer.status !== 503) throw new Error(answer.statusText);
    const html = await answer.text();
    if (!isReading()) show(html);
    say("live", "Live");
  } catch {
    say("lost", "No answer from the server, trying again");
  }
  timer = setTimeout(refresh, EVERY_MS);
}

document.addEventListener("visibilitychange", refresh);
refresh();

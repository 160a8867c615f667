// Rows of lists, and where the reader is: the focus returns there after an action, a dialog, an update, and Back.

// The rows that can be walked through.
export function rows() {
  return [...document.querySelectorAll("main tbody tr[id]")].filter((row) => row.checkVisibility());
}

export function focusedRow() {
  return document.activeElement?.closest("main tbody tr[id]") ?? null;
}

// Focuses the row's link, or the row itself.
export function focusRow(row, options) {
  const link = row.querySelector("th a, a");
  if (!link) row.tabIndex = -1;
  (link ?? row).focus(options);
}

function canFocus(element) {
  return element?.isConnected && !element.disabled && element.checkVisibility();
}

// Where there is no row any more: the heading of the list, or of the page. Nothing moves.
function focusHeading(list) {
  const heading = list.querySelector("h1, h2") ?? document.querySelector("h1");
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

// Remembers where the focus is. Call the answer to return there, or next to it in the same list, if the focus got lost
// meanwhile.
export function keepPlace(nearby = null) {
  const element = document.activeElement;
  const row = focusedRow() ?? nearby;
  const list = row?.closest("[data-part]") ?? document.body;
  const listed = () => rows().filter((one) => list.contains(one));
  const index = row ? listed().indexOf(row) : -1;
  const opener = element?.closest("details")?.querySelector("summary");
  return () => {
    if (document.activeElement && document.activeElement !== document.body) return;
    if (canFocus(element) && element !== document.body) element.focus();
    else if (canFocus(opener)) opener.focus();
    else if (index >= 0) {
      const left = listed();
      const next = document.getElementById(row.id) ?? left[Math.min(index, left.length - 1)];
      if (next) focusRow(next);
      else focusHeading(list);
    }
  };
}

// The row that Back leads to, until it is shown: a list may be loaded without it, if the database was slow, and get it later.
let awaited = null;

// Focuses that row, unless the reader has gone elsewhere meanwhile.
export function returnToRow() {
  const row = awaited && document.getElementById(awaited);
  if (!row) return;
  awaited = null;
  if (document.activeElement === document.body) focusRow(row, { preventScroll: true });
}

// A link in a row is noted in the history, so that Back finds the row again.
export function listenForPlaces() {
  document.addEventListener("click", (event) => {
    const row = event.target.closest("a")?.closest("main tbody tr[id]");
    if (row) history.replaceState({ ...history.state, row: row.id }, "");
  });
  awaited = history.state?.row;
  returnToRow();
}

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

// Remembers where the focus is. Call the answer to return there, or next to it, if the focus got lost meanwhile.
export function keepPlace(nearby = null) {
  const element = document.activeElement;
  const row = focusedRow() ?? nearby;
  const index = row ? rows().indexOf(row) : -1;
  const opener = element?.closest("details")?.querySelector("summary");
  return () => {
    if (document.activeElement && document.activeElement !== document.body) return;
    const all = rows();
    if (canFocus(element) && element !== document.body) element.focus();
    else if (canFocus(opener)) opener.focus();
    else if (index >= 0 && all.length) focusRow(document.getElementById(row.id) ?? all[Math.min(index, all.length - 1)]);
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

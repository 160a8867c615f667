// What the scripts know of the page they run on: where the dashboard's root is, and what to say in its language.

const texts = JSON.parse(document.body.dataset.texts);

export const root = new URL(document.documentElement.dataset.root, location.href);

// The text of a key of the catalogue's section `script`, with its places filled in.
export function text(key, values = {}) {
  let found = texts[key];
  if (typeof found === "object") found = values.n === 1 ? found.one : found.other;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The address of this page below the root, as the server knows it.
export function pageAddress() {
  return location.pathname.slice(root.pathname.length) + location.search;
}

// Says something once to everybody, those who listen too.
export function announce(message, failed = false) {
  const place = document.getElementById("announcement");
  place.textContent = message;
  place.classList.toggle("failed", failed);
}

// What scripts know about their page: the dashboard's root, and texts in its language.

const texts = JSON.parse(document.body.dataset.texts);

export const root = new URL(document.documentElement.dataset.root, location.href);

// A text of the catalogue's section `script`, with placeholders filled in.
export function text(key, values = {}) {
  let found = texts[key];
  if (typeof found === "object") found = values.n === 1 ? found.one : found.other;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// The URL of this page below the root.
export function pageAddress() {
  return location.pathname.slice(root.pathname.length) + location.search;
}

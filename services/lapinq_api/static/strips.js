// Strips of marks: Tab reaches the latest mark, arrow keys move between marks.

const STEPS = { ArrowLeft: -1, ArrowRight: 1 };

export function listenForStrips() {
  document.addEventListener("keydown", (event) => {
    const strip = event.target.closest("[data-strip]");
    if (!strip || !(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return;
    const links = [...strip.querySelectorAll("a")];
    links[links.indexOf(event.target) + STEPS[event.key]]?.focus();
    event.preventDefault();
  });
}

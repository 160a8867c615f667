// The graph of a workflow: buttons with data-zoom enlarge it, and dragging moves it. The zoom is kept outside the part, which
// updates replace.

const STEP = 1.25;
const SMALLEST = 0.1;
const LARGEST = 2;
const CLICK_PX = 4; // a smaller movement is a click

function zoom(button) {
  const part = button.closest("[data-part]");
  const graph = part.querySelector("[data-graph]");
  const drawing = graph.firstElementChild;
  const before = Number(part.style.getPropertyValue("--zoom") || 1);
  const fit = Math.min(graph.clientWidth / drawing.width.baseVal.value, (0.7 * innerHeight) / drawing.height.baseVal.value, 1);
  const wanted = { in: before * STEP, out: before / STEP, fit }[button.dataset.zoom];
  const after = Math.min(Math.max(wanted, SMALLEST), LARGEST);
  const middle = (graph.scrollLeft + graph.clientWidth / 2) / before;
  part.style.setProperty("--zoom", after);
  graph.scrollLeft = middle * after - graph.clientWidth / 2;
}

function drag(graph, down) {
  const { scrollLeft, scrollTop } = graph;
  const stop = new AbortController();
  const listen = (name, act, options) => document.addEventListener(name, act, { ...options, signal: stop.signal });
  listen("pointermove", (event) => {
    if (!event.buttons) return stop.abort(); // it was let go outside the window
    const [x, y] = [event.clientX - down.clientX, event.clientY - down.clientY];
    if (Math.hypot(x, y) > CLICK_PX) graph.classList.add("dragged");
    if (graph.classList.contains("dragged")) graph.scrollTo(scrollLeft - x, scrollTop - y);
  });
  // The click of the box on which the drag began follows the pointerup.
  listen("click", (event) => graph.classList.contains("dragged") && event.preventDefault(), { capture: true });
  listen("pointerup", () => setTimeout(() => {
    graph.classList.remove("dragged");
    stop.abort();
  }));
}

export function listenForGraphs() {
  for (const graph of document.querySelectorAll("[data-graph]")) {
    graph.scrollTop = (graph.scrollHeight - graph.clientHeight) / 2; // most begin in the middle
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-zoom]");
    if (button) zoom(button);
  });
  document.addEventListener("pointerdown", (event) => {
    const graph = event.target.closest("[data-graph]");
    if (graph && event.pointerType === "mouse" && event.button === 0) drag(graph, event);
  });
  document.addEventListener("dragstart", (event) => event.target.closest("[data-graph]") && event.preventDefault());
}

// Panels as tabs: one is shown at a time. Without scripts all are shown, one below the other.

const chosen = new Map(); // id of the tabs → id of the panel that is shown

function panelsOf(tabs) {
  return [...tabs.children].filter((one) => "tab" in one.dataset);
}

function show(tabs, panel) {
  chosen.set(tabs.id, panel.id);
  for (const one of panelsOf(tabs)) one.hidden = one !== panel;
  for (const button of tabs.firstElementChild.children) {
    const isChosen = button.getAttribute("aria-controls") === panel.id;
    button.setAttribute("aria-selected", isChosen);
    button.tabIndex = isChosen ? 0 : -1;
  }
}

function buttonFor(tabs, panel) {
  const button = document.createElement("button");
  button.type = "button";
  button.id = `${panel.id}-button`;
  button.textContent = panel.dataset.tab;
  button.setAttribute("role", "tab");
  button.setAttribute("aria-controls", panel.id);
  button.addEventListener("click", () => show(tabs, panel));
  return button;
}

function move(tabs, event) {
  const buttons = [...tabs.firstElementChild.children];
  const at = buttons.indexOf(document.activeElement);
  const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
  if (at < 0 || next === undefined) return;
  event.preventDefault();
  const button = buttons.at(next % buttons.length);
  button.click();
  button.focus();
}

function draw(tabs) {
  const list = tabs.firstElementChild;
  const panels = panelsOf(tabs);
  const isAlone = panels.length < 2;
  list.hidden = isAlone;
  tabs.classList.toggle("alone", isAlone);
  if (!panels.length) return;
  for (const panel of panels) {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-label", panel.dataset.tab);
  }
  const ids = panels.map((panel) => panel.id).join(" ");
  if (list.dataset.panels !== ids) {
    list.dataset.panels = ids;
    list.replaceChildren(...panels.map((panel) => buttonFor(tabs, panel)));
    list.onkeydown = (event) => move(tabs, event);
  }
  show(tabs, panels.find((panel) => panel.id === chosen.get(tabs.id)) ?? panels[0]);
}

// Draws the tabs in `part`.
export function drawTabs(part) {
  part.querySelectorAll("[data-tabs]").forEach(draw);
}

// Shows the panel that holds an element, if it is in one.
export function showTabOf(element) {
  const panel = element.closest("[data-tab]");
  if (panel?.hidden) show(panel.parentElement, panel);
}

// The theme and language chosen on the account page. The browser keeps them.

import { root } from "./page.js";

const YEAR_SECONDS = 31536000;

export function listenForPreferences() {
  const theme = document.getElementById("theme");
  if (theme) {
    theme.value = localStorage.getItem("lapinq.theme") ?? "";
    theme.addEventListener("change", () => {
      localStorage.setItem("lapinq.theme", theme.value);
      if (theme.value) document.documentElement.dataset.theme = theme.value;
      else delete document.documentElement.dataset.theme;
    });
  }
  document.getElementById("language")?.addEventListener("change", (event) => {
    const age = event.target.value ? YEAR_SECONDS : 0;
    document.cookie = `lapinq_language=${event.target.value}; Path=${root.pathname}; Max-Age=${age}; SameSite=Lax`;
    location.reload();
  });
}

// The theme and language chosen on the account page, and the time zone. The browser keeps them.

import { root } from "./page.js";

const YEAR_SECONDS = 31536000;

function keep(name, value, age = YEAR_SECONDS) {
  document.cookie = `${name}=${value}; Path=${root.pathname}; Max-Age=${age}; SameSite=Lax`;
}

export function listenForPreferences() {
  keep("lapinq_zone", Intl.DateTimeFormat().resolvedOptions().timeZone);
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
    keep("lapinq_language", event.target.value, event.target.value ? YEAR_SECONDS : 0);
    location.reload();
  });
}

// Applies the theme chosen on the account page, before the first paint.
{
  const chosen = localStorage.getItem("lapinq.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}

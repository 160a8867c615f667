// Before anything is drawn: the theme that was chosen on the account page, if one was.
{
  const chosen = localStorage.getItem("lapinq.theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
}

// What is wrong with a field of a form, said below it. The place of a field `x` is `wrong-x`; a name of a place within a
// value, such as `args[0].to`, is that of its field.

export function fieldOf(loc) {
  return loc.split(/[.[]/, 1)[0];
}

function place(name) {
  return document.getElementById(`wrong-${name}`);
}

// Says `message` at the field; answers whether there is such a field.
export function tellWrong(form, name, message) {
  const field = form.elements[name];
  const where = place(name);
  if (!field || !where || field.closest("[hidden]")) return false;
  where.textContent = message;
  where.hidden = false;
  field.setAttribute("aria-invalid", "true");
  return true;
}

export function clearWrong(form, name) {
  const where = place(name);
  if (!where) return;
  where.hidden = true;
  where.textContent = "";
  form.elements[name]?.removeAttribute("aria-invalid");
}

// To the first field that is wrong, wherever it is folded away; answers whether there is one.
export function showFirstWrong(form) {
  const first = form.querySelector("[aria-invalid]");
  if (!first) return false;
  const fold = first.closest("details");
  if (fold) fold.open = true;
  first.focus();
  return true;
}

export function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

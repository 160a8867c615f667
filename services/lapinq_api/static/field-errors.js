// Shows errors below form fields. The element for field `x` is `wrong-x`. A location within a value, such as `args[0].to`,
// belongs to the field.

export function fieldOf(loc) {
  return loc.split(/[.[]/, 1)[0];
}

function place(name) {
  return document.getElementById(`wrong-${name}`);
}

// Shows `message` at the field. Returns whether the field exists.
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

// Focuses the first invalid field, unfolding what hides it. Returns whether there is one.
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

// Selecting rows of a list, and doing something to all of them. Filled in by the page of tasks.

export function keepSelection(_part) {}

export function listenForSelection() {}

"""The parts of the list of tasks, and its search."""

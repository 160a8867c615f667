"""Child processes, from the worker's side."""

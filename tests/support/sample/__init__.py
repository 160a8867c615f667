"""Tasks, and modules with them, that tests enqueue."""

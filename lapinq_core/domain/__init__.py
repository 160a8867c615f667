"""Vocabulary and pure functions: no I/O; the time and random numbers are parameters."""

"""Mistakes that people make: each with the message and the exit code it gets, and nothing lost."""

"""Unique and debounced tasks."""

"""Schedules: their definition, how files and code declare them, and which ticks run."""

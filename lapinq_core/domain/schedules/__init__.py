"""Schedules: what defines one, how a file or code declares it, and which of its ticks run."""

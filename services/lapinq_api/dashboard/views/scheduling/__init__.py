"""Schedules: the list, one of them, and their form."""

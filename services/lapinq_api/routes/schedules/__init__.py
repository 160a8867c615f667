"""Schedules: listing, changing, previewing, pausing and running them."""

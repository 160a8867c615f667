"""Schedules: changing, previewing and steering them."""

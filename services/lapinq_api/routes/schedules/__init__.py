"""Schedules: listing, changing, previewing and steering them."""

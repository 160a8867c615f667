"""Schedules and their ticks: changes, firing, overlaps, and applying declared schedules."""

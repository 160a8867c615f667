"""Schedules and their ticks: changing, firing, overlaps, and applying those that are declared."""

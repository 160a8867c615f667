"""Rows in the database: valid tasks, schedules and figures in any state."""

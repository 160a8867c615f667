"""Shares statements and notifications among simultaneous requests of one process."""

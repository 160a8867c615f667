"""Shares statements and notifications among simultaneous requests."""

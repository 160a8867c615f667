"""Shares notifications among simultaneous requests."""

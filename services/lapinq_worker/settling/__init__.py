"""Writes how attempts ended, and tells servers that wait for them."""

"""Shares statements and notifications among requests that arrive together."""

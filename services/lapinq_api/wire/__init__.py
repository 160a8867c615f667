"""Bytes and JSON: reading bodies and queries, checking values, encoding responses and errors."""

"""Bytes and JSON: reading bodies and queries, checking values, encoding answers and errors."""

"""Limits on database use, and quick answers while the database is down."""

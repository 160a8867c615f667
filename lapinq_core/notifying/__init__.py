"""Notifications: rules that say who wants to know what, and the outbox of notices."""

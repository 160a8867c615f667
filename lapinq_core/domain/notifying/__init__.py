"""Notifications: what happened, who wants to know, and the message that says so."""

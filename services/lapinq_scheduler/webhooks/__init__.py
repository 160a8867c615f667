"""Delivers webhooks: what is due, to whom, and over which guarded connections."""

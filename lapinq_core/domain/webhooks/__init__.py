"""Webhooks: what is sent and how it is signed, and which addresses it may go to."""

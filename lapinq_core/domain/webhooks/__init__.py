"""Webhooks: body and signature, and which addresses they may be sent to."""

"""Credentials and what they allow: API keys, password hashes, permissions, masking of payloads."""

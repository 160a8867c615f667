"""Users, sessions, keys, login throttling, and the audit log of what they changed."""

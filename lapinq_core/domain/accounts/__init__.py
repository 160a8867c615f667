"""Users, their passwords and permissions, and API keys."""

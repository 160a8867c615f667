"""Calls to a database directly, without a server: `TaskQueue("postgresql://…")`."""

"""The verbs on tasks. Each takes a connection, so the caller owns the transaction."""

"""The verbs on everything that is not a task. Each takes a connection, so the caller owns the transaction."""

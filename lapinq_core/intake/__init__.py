"""Storing new tasks: enqueueing, idempotency, unique keys, reruns."""

"""Limits on the starts of tasks: the policy of a queue, its lanes and keys, its circuit breaker, and named limits that
queues share."""

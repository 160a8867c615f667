"""Limits on the starts of tasks: the policy of a queue, its lanes and keys, and named limits that queues share."""

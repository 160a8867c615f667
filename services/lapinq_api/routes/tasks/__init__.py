"""Tasks and queues: enqueueing, lists, results, and the verbs on one or many."""

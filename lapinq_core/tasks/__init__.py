"""The verbs that move tasks, from enqueue to their final status."""

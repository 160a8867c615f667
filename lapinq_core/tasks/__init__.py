"""The verbs that move tasks, from enqueueing to their final state."""

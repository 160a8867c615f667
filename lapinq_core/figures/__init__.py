"""Statistics over time, and the alerts that follow from the state of the queue."""

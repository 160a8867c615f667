"""Tasks: statuses, outcomes of attempts, retries, and the decision on what follows."""

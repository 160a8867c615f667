"""Which tasks to take, how many, and when: from the queue to the dispatcher."""

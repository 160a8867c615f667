"""The channels of NOTIFY that concern tasks. What is sent is a hint: polling finds what gets lost."""

READY_CHANNEL = "lapinq_ready"
"""Queues that got work; workers listen."""
DELAYED_CHANNEL = "lapinq_delayed"
"""The seconds until a delayed task is due; workers and schedulers listen."""
WAIT_CHANNEL = "lapinq_wait"
"""Ids of tasks whose end somebody awaits, separated by spaces; workers listen."""
DONE_CHANNEL = "lapinq_done"
"""Ids of such tasks that have ended, separated by spaces; servers listen."""
WATCH_CHANNEL = "lapinq_watch"
"""Ids of running tasks whose log somebody looks at, separated by spaces; workers listen."""
SOON_SECONDS = 1.0
"""A delayed task is announced only if it is due so soon."""

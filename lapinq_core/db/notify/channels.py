"""The channels of NOTIFY that concern tasks. What is sent is a hint: polling finds what gets lost."""

import msgspec

READY_CHANNEL = "lapinq_ready"
"""Queues that got work; all workers listen. Each also listens to some of those for its share (`ready_notices`)."""
DELAYED_CHANNEL = "lapinq_delayed"
"""The seconds until a delayed task is due; workers and schedulers listen."""
WAIT_CHANNEL = "lapinq_wait"
"""Ids of tasks whose end somebody awaits, separated by spaces; workers listen."""
DONE_CHANNEL = "lapinq_done"
"""Ids of such tasks that have ended, separated by spaces; servers listen."""
WATCH_CHANNEL = "lapinq_watch"
"""Ids of running tasks whose log somebody looks at, separated by spaces; workers listen."""
ACTS_CHANNEL = "lapinq_acts"
"""Somebody has changed something in the dashboard; servers listen. No payload."""
BREAKERS_CHANNEL = "lapinq_breakers"
"""A task name that got or lost a circuit breaker; workers listen."""
SOON_SECONDS = 1.0
"""A delayed task is announced only if it is due so soon."""


class Notice(msgspec.Struct, frozen=True):
    """What NOTIFY sends, and where."""

    channel: str
    payload: str

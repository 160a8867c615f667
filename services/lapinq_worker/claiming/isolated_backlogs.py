"""Queues in which tasks wait to run alone, while this worker can't start another of these.

A claim reads all of them to find the plain tasks behind, if there are any. So the longer that took, the later the next
one does it.
"""

import time
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from lapinq_core.tasks.claiming import Ask

WALK_COST_FACTOR = 20.0
MAX_REST_SECONDS = 10.0
"""A claim may also have taken long because it waited for a lock, or the event loop was blocked."""


class IsolatedBacklogs:
    """One event loop owns it."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}  # by time.monotonic

    def walked(self, queues: Iterable[str], seconds: float) -> None:
        """A claim took so long, and what it left in these queues has to run alone."""
        rest = min(WALK_COST_FACTOR * seconds, MAX_REST_SECONDS)
        self._until |= dict.fromkeys(queues, time.monotonic() + rest)

    @property
    def resting(self) -> set[str]:
        """The queues of which no plain tasks should be claimed now."""
        now = time.monotonic()
        self._until = {queue: until for queue, until in self._until.items() if until > now}
        return set(self._until)

    def bounded(self, asks: Sequence[Ask], isolated: int) -> Sequence[Ask]:
        """Of resting queues only as many tasks as can run alone: a claim locks all that it reads."""
        resting = self.resting
        return [replace(ask, limit=min(ask.limit, isolated)) if ask.queue in resting else ask for ask in asks]

"""How a worker is, as it tells with each beat."""

import os
import time
from collections.abc import Callable, Iterable

from lapinq_core.fleet.workers import Condition
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.pools.children.memory import resident_bytes


class Vitals:
    """Of one worker, whose heartbeat alone asks, in its thread. `children` answers the ids of its child processes."""

    def __init__(
        self, dispatcher: Dispatcher, children: Callable[[], Iterable[int]], is_quiet: Callable[[], bool]
    ) -> None:
        self._dispatcher = dispatcher
        self._children = children
        self._is_quiet = is_quiet
        self._ended = dispatcher.ended_count
        self._looked = time.monotonic()

    def look(self) -> Condition:
        """How it is now; the rate is that since the look before."""
        now, ended = time.monotonic(), self._dispatcher.ended_count
        seconds = now - self._looked
        rate = (ended - self._ended) / seconds if seconds > 0 else None
        self._looked, self._ended = now, ended
        return Condition(
            memory_bytes=self._memory(),
            running=self._dispatcher.active,
            rate=rate,
            is_quiet=self._is_quiet(),
        )

    def _memory(self) -> int | None:
        own = resident_bytes(os.getpid())
        if own is None:
            return None
        # A child that has just ended has none.
        return own + sum(resident_bytes(child) or 0 for child in self._children())

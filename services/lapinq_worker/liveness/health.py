"""Measures a worker's health, which it reports with each heartbeat."""

import os
import time
from collections.abc import Callable, Iterable

from lapinq_core.fleet.workers import Health
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.pools.parent_side.memory import resident_bytes


class HealthMeter:
    """The heartbeat alone uses it, in its thread. `children` returns the process ids of the worker's children."""

    def __init__(
        self, dispatcher: Dispatcher, children: Callable[[], Iterable[int]], is_quiet: Callable[[], bool]
    ) -> None:
        self._dispatcher = dispatcher
        self._children = children
        self._is_quiet = is_quiet
        self._ended = dispatcher.ended_count
        self._measured = time.monotonic()

    def measure(self) -> Health:
        """The worker's health now; the rate is since the last call."""
        now, ended = time.monotonic(), self._dispatcher.ended_count
        seconds = now - self._measured
        rate = (ended - self._ended) / seconds if seconds > 0 else None
        self._measured, self._ended = now, ended
        return Health(
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

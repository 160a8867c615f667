"""Metrics of loops: how long turns take, how many fail, and how late the next one is."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.tallies import Histograms

Observe = Callable[[float, float | None], None]
"""Gets the seconds that a turn took and the pause that follows; None if the turn failed."""

BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class LoopTimes:
    """The loops of one part of a process.

    A loop lags by the time since its next turn was due: while that turn runs, while turns fail, and while the event
    loop is blocked. A loop that has never succeeded lags since it was named.
    """

    def __init__(self, part: str) -> None:
        self._part = part
        self._times: Histograms[tuple[str, ...]] = Histograms(BOUNDS)
        self._failures: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._due: dict[tuple[str, ...], float] = {}  # when the next turn is due, by time.monotonic

    def of(self, loop: str) -> Observe:
        """The `observe` of the `Loop` with this name."""
        labels = (self._part, loop)
        times = self._times[labels]
        self._failures[labels] = 0
        self._due[labels] = time.monotonic()

        def observe(seconds: float, pause: float | None) -> None:
            times.observe(seconds)
            if pause is None:
                self._failures[labels] += 1
            elif labels in self._due:
                self._due[labels] = time.monotonic() + pause

        return observe

    def end(self) -> None:
        """The loops stop: none of them lags from now on."""
        self._due.clear()

    def collect(self) -> Iterator[Metric]:
        now = time.monotonic()
        yield catalogue.CHORES.of_histograms(self._times)
        yield catalogue.CHORE_FAILURES.of(self._failures)
        yield catalogue.CHORE_LAG.of({loop: max(0.0, now - due) for loop, due in list(self._due.items())})

"""How long the turns of loops take, and how many fail, for the metrics."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from lapinq_core.runtime import catalogue
from lapinq_core.runtime.tallies import Histograms

Observe = Callable[[float, bool], None]
"""Told after each turn how many seconds it took, and whether it failed."""

BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0)


class LoopTimes:
    """Of the loops of one part of a process."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._times: Histograms[tuple[str, ...]] = Histograms(BOUNDS)
        self._failures: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def of(self, loop: str) -> Observe:
        """What `run_every` is to tell of the loop with this name."""
        labels = (self._part, loop)
        times = self._times[labels]
        self._failures[labels] = 0

        def observe(seconds: float, failed: bool) -> None:
            times.observe(seconds)
            self._failures[labels] += failed

        return observe

    def collect(self) -> Iterator[Metric]:
        yield catalogue.CHORES.of_histograms(self._times)
        yield catalogue.CHORE_FAILURES.of(self._failures)

"""Counts answered requests and enqueued tasks."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from prometheus_client.core import Metric

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.tallies import MAX_QUEUES, OTHER, Bounded, Histograms

HTTP_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Counters:
    """One event loop counts; any thread may `collect`."""

    def __init__(self) -> None:
        self._requests: Histograms[tuple[str, ...]] = Histograms(HTTP_BOUNDS)
        self._queues: Bounded[str] = Bounded(MAX_QUEUES, OTHER)
        self._enqueued: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def answered(self, method: str, route: str, status: str, seconds: float) -> None:
        """Counts an answered request. The caller keeps the number of distinct values small."""
        self._requests[method, route, status].observe(seconds)

    def enqueued(self, tasks: Iterable[NewTask], way: Literal["single", "batch"]) -> None:
        """Counts stored tasks. Fire-and-forget tasks are counted separately, whatever the `way`."""
        for task in tasks:
            self._enqueued[self._queues[task.queue_name], "transient" if task.is_transient else way] += 1

    def collect(self) -> Iterator[Metric]:
        yield catalogue.HTTP_REQUESTS.of_histograms(self._requests)
        yield catalogue.ENQUEUED.of(self._enqueued)

"""Counts answered requests and enqueued tasks."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from prometheus_client.core import Metric
from starlette.types import Scope

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.tallies import MAX_QUEUES, OTHER, Bounded, Histograms

HTTP_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Counters:
    """One event loop counts; any thread may `collect`."""

    def __init__(self) -> None:
        self._requests: Histograms[tuple[str, ...]] = Histograms(HTTP_BOUNDS)
        self._queues: Bounded[str] = Bounded(MAX_QUEUES, OTHER)
        self._enqueued: defaultdict[tuple[str, ...], int] = defaultdict(int)

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts a request by the template of its route, which the router stores in the scope.

        An undeclared path counts as `other`: no value that a client chose becomes a label. The status is 0 if the
        client disconnected before the response.
        """
        method: str = scope["method"]
        route: str = getattr(scope.get("route"), "path", OTHER)
        labels = method if method in _METHODS else OTHER, route, str(status) if status else "none"
        self._requests[labels].observe(seconds)

    def enqueued(self, tasks: Iterable[NewTask], way: Literal["single", "batch"]) -> None:
        """Counts stored tasks. Fire-and-forget tasks are counted separately, whatever the `way`."""
        for task in tasks:
            self._enqueued[self._queues[task.queue_name], "transient" if task.is_transient else way] += 1

    def collect(self) -> Iterator[Metric]:
        yield catalogue.HTTP_REQUESTS.of_histograms(self._requests)
        yield catalogue.ENQUEUED.of(self._enqueued)

"""What a scheduler shows at a scrape."""

from collections.abc import Iterator

import psycopg
from prometheus_client.core import Metric
from psycopg_pool import AsyncConnectionPool

from lapinq_core.db.connection_metrics import connection_metrics
from lapinq_core.db.notifier import Notifier
from lapinq_core.runtime.loop_times import LoopTimes

PART = "scheduler"


class SchedulerMetrics:
    """Of one scheduler. `times` are those of its chores."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection], notifier: Notifier) -> None:
        self.times = LoopTimes(PART)
        self._pool = pool
        self._notifier = notifier

    def collect(self) -> Iterator[Metric]:
        yield from self.times.collect()
        yield from connection_metrics(PART, self._pool, self._notifier)

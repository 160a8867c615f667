"""Gauges about the database: what the process knows, and what it queries at a scrape.

It queries at most every two seconds; simultaneous scrapes share the answer. A timeout means no figures, but the
gate doesn't count it as an outage. What may start is a query of its own, as it reads the most: when only that one
is slow, its figures are NaN.
"""

import asyncio
import logging
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TypeVar

import psycopg
from prometheus_client.core import Metric

from lapinq_api.overload.database import BUDGET_SECONDS, Database
from lapinq_api.overload.fair_share import CALLER, SERVER
from lapinq_core.db.connection_metrics import connection_metrics
from lapinq_core.db.notify.listener import Listener
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.limits.breaker import BreakerState
from lapinq_core.lookup.measure import QueueMeasures, count_startable, measure
from lapinq_core.monitoring import catalogue
from lapinq_core.monitoring.tallies import MAX_QUEUES, OTHER

PART = "api"
SCAN_PART = "api scans"
CACHE_SECONDS = 2.0
MEASURE_SECONDS = BUDGET_SECONDS + 0.05
"""Above the usual budget, so that a slow query doesn't count as an outage (`Database.within`)."""

log = logging.getLogger(__name__)

A = TypeVar("A")
T = TypeVar("T")


class Gauges:
    """Used by one event loop; any thread may `collect`."""

    def __init__(self, database: Database, notifiers: Sequence[Notifier], listener: Listener) -> None:
        self._database = database
        self._notifiers = notifiers
        self._listener = listener
        self._queried_at = float("-inf")
        self._answer: asyncio.Task[list[Metric]] | None = None

    def collect(self) -> Iterator[Metric]:
        yield catalogue.BREAKER_OPEN.is_at(self._database.gate.is_shut)
        yield catalogue.LISTENING.of({(PART,): self._listener.connected})
        yield from connection_metrics(PART, self._database.pool, *self._notifiers)
        yield from connection_metrics(SCAN_PART, self._database.scan_pool)

    async def ask(self) -> list[Metric]:
        """The database's figures about queues, or a metric that says it doesn't answer."""
        answer, now = self._answer, time.monotonic()
        if answer is None or (answer.done() and now > self._queried_at + CACHE_SECONDS):
            self._queried_at = now
            self._answer = answer = asyncio.create_task(self._measure(), name="measure queues")
        return await asyncio.shield(answer)

    async def close(self) -> None:
        """Waits for the queries in flight, which take four seconds at most."""
        if self._answer is not None:
            await asyncio.wait([self._answer])

    async def _measure(self) -> list[Metric]:
        CALLER.set(SERVER)
        measures = await self._query(measure, MAX_QUEUES)
        if measures is None:
            return families_of(None)
        return families_of(measures, await self._query(count_startable, measures.governed))

    async def _query(self, verb: Callable[[psycopg.AsyncConnection, A], Awaitable[T]], of: A) -> T | None:
        try:
            return await self._database.within(MEASURE_SECONDS, verb, of)
        except (LapinqError, psycopg.Error) as error:
            log.info("no figures from the database for the metrics: %s", error)
            return None


def families_of(measures: QueueMeasures | None, startable: Mapping[str, float] | None = None) -> list[Metric]:
    """The database's figures as metrics; None if it did not answer."""
    if measures is None:
        return [catalogue.DATABASE_UP.is_at(0)]
    if startable is None:
        startable = dict.fromkeys(measures.governed, math.nan)
    tasks: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for queue, counts in measures.counts.items():
        for status, count in counts.items():
            tasks[OTHER if queue is None else queue, status.value] += count
    return [
        catalogue.DATABASE_UP.is_at(1),
        catalogue.TASKS.of(tasks),
        catalogue.OLDEST_READY.of({(queue,): age for queue, age in measures.ages.items()}),
        catalogue.STARTABLE.of({(queue,): count for queue, count in startable.items()}),
        catalogue.PAUSED.of({(queue,): 1 for queue in measures.paused}),
        catalogue.CIRCUIT_BREAKERS.of({key: _STATES[state] for key, state in measures.breakers.items()}),
        catalogue.OVERDUE.is_at(measures.overdue),
        catalogue.WEBHOOKS_OVERDUE.is_at(measures.webhooks_overdue),
        catalogue.SCHEDULES_OVERDUE.is_at(measures.schedules_overdue),
    ]


_STATES = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}

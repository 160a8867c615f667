"""How the API stands with its database, for the metrics: what the process knows, and what it asks at a scrape.

Asked at most once in two seconds, and by one scrape at a time: the others get the same answer. An answer that does not
come in time is none, and says nothing of the database's absence to the breaker.
"""

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence

import psycopg
from prometheus_client.core import Metric

from lapinq_api.overload.database import BUDGET_SECONDS, Database
from lapinq_core.db.connection_metrics import connection_metrics
from lapinq_core.db.listener import Listener
from lapinq_core.db.notifier import Notifier
from lapinq_core.domain.errors import LapinqError
from lapinq_core.lookup.measure import QueueMeasures, measure
from lapinq_core.runtime import catalogue
from lapinq_core.runtime.tallies import MOST_QUEUES, OTHER

PART = "api"
SCAN_PART = "api scans"
KEPT_SECONDS = 2.0
MEASURE_SECONDS = BUDGET_SECONDS + 0.05
"""Over the usual budget, so that slow sums don't count as a database that is away (`Database.within`)."""

log = logging.getLogger(__name__)


class Gauges:
    """Of one event loop; any thread may `collect`."""

    def __init__(self, database: Database, notifiers: Sequence[Notifier], listener: Listener) -> None:
        self._database = database
        self._notifiers = notifiers
        self._listener = listener
        self._asked_at = float("-inf")
        self._answer: asyncio.Task[QueueMeasures | None] | None = None

    def collect(self) -> Iterator[Metric]:
        yield catalogue.BREAKER_OPEN.is_at(self._database.breaker.is_open)
        yield catalogue.LISTENING.of({(PART,): self._listener.connected})
        yield from connection_metrics(PART, self._database.pool, *self._notifiers)
        yield from connection_metrics(SCAN_PART, self._database.scan_pool)

    async def ask(self) -> list[Metric]:
        """What the database says of the queues; that it does not answer, where it doesn't, instead of an error."""
        answer, now = self._answer, time.monotonic()
        if answer is None or (answer.done() and now > self._asked_at + KEPT_SECONDS):
            self._asked_at = now
            self._answer = answer = asyncio.create_task(self._measure(), name="measure queues")
        return families_of(await asyncio.shield(answer))

    async def close(self) -> None:
        """Waits for the question under way, which takes two seconds at most."""
        if self._answer is not None:
            await asyncio.wait([self._answer])

    async def _measure(self) -> QueueMeasures | None:
        try:
            return await self._database.within(MEASURE_SECONDS, measure, MOST_QUEUES)
        except (LapinqError, psycopg.Error) as error:
            log.info("no answer for the metrics: %s", error)
            return None


def families_of(measures: QueueMeasures | None) -> list[Metric]:
    """The metrics of what the database answered."""
    if measures is None:
        return [catalogue.DATABASE_UP.is_at(0)]
    tasks: defaultdict[tuple[str, ...], float] = defaultdict(float)
    for queue, counts in measures.counts.items():
        for status, count in counts.items():
            tasks[OTHER if queue is None else queue, status.value] += count
    return [
        catalogue.DATABASE_UP.is_at(1),
        catalogue.TASKS.of(tasks),
        catalogue.OLDEST_READY.of({(queue,): age for queue, age in measures.ages.items()}),
        catalogue.PAUSED.of({(queue,): 1 for queue in measures.paused}),
        catalogue.OVERDUE.is_at(measures.overdue),
        catalogue.WEBHOOKS_OVERDUE.is_at(measures.webhooks_overdue),
        catalogue.SCHEDULES_OVERDUE.is_at(measures.schedules_overdue),
    ]

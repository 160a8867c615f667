"""Scans tasks from the newest back, a batch of ids at a time, until it has enough, nothing is left or time is up."""

import time
from typing import NamedTuple

import msgspec
import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.counting import number_of
from lapinq_core.lookup.search.search_filters import ScanSource, matching_query, scan_query, source_of
from lapinq_core.tasks.filters import TaskFilter

sql = sql_of(__name__)

MAX_BATCH = 50_000
"""A larger batch exceeds PostgreSQL's default `work_mem`."""
_GROWTH = 4
_STEADY_BATCH = 100
SHOWING_SECONDS = 1.0

# Row by row through known indexes, whatever statistics say; the batches and the tasks shown come from one snapshot.
# With
# the default random_page_cost, the planner would read the last few thousand rows of a partition in order and discard
# them.
SETTINGS = psql.SQL(
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;"
    " SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off;"
    " SET LOCAL enable_mergejoin = off; SET LOCAL enable_memoize = off; SET LOCAL jit = off;"
    " SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL random_page_cost = 1"
)


class Clock:
    """The time left for a scan, and how many ids the next batch may have."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._started_at = time.monotonic()

    def left(self) -> float:
        """Seconds; not above 0 when the time is up."""
        return self._until - time.monotonic()

    def extend(self, seconds: float) -> None:
        """Leaves at least this many seconds."""
        self._until = max(self._until, time.monotonic() + seconds)

    def next_size(self, size: int, least: int) -> int:
        """How many ids the next batch may have in the time left, after a batch of `size` that has just ended."""
        now = time.monotonic()
        fitting = int(0.8 * size * (self._until - now) / max(now - self._started_at, 1e-4))
        self._started_at = now
        return max(min(size, least), min(size * _GROWTH, fitting, MAX_BATCH))


class _Batch(NamedTuple):
    ids: list[str]
    matched: int
    last: str | None


class BackwardScan:
    """One scan: the tasks found, at most `most`, and how far back it got."""

    def __init__(self, chosen: TaskFilter, most: int, shown: int, window: int, seconds: float) -> None:
        self.ids: list[str] = []
        self.matched = 0
        self.before = chosen.before
        self.is_over = False
        self._chosen = chosen
        self._most = most
        self._shown = shown
        # If every row scanned is sure to match, scan only as many as are wanted.
        self._first = window if _can_mismatch(chosen) else most
        self._clock = Clock(seconds)
        self._seconds = seconds
        self._there: int | None = None

    async def run(self, conn: psycopg.AsyncConnection) -> list[str]:
        """Scans until there is enough or time is up; returns the ids. Runs in a transaction, which it may abort.

        Raises psycopg's `QueryCanceled` when a batch took too long.
        """
        source = source_of(self._chosen)
        if source is ScanSource.PENDING and self._chosen.queue is not None:
            await set_limit(conn, self._clock.left() / 4)
            params = {"queue": self._chosen.queue}
            is_small = await first_value(conn, sql("is_small_queue"), params)
            source = source_of(self._chosen, is_small=is_small)
        # Keep half of the time for a scan of all tasks, in case this source is full of dead rows.
        share = 1.0 if source is ScanSource.TASKS else 0.5
        await self._scan(conn, source, self._first, share)
        return self.ids

    async def run_over_all_tasks(self, conn: psycopg.AsyncConnection) -> None:
        """Scans all tasks in small batches, if `run` was cancelled before its first batch ended."""
        if self.before != self._chosen.before:
            return
        self._clock.extend(self._seconds / 2)
        await self._scan(conn, ScanSource.TASKS, min(self._first, _STEADY_BATCH), 1.0)

    async def _scan(self, conn: psycopg.AsyncConnection, source: ScanSource, size: int, share: float) -> None:
        while not self.is_over and self.matched < self._most and (left := self._clock.left()) > 0:
            await set_limit(conn, left if self.before != self._chosen.before else left * share)
            batch = await self._next_batch(conn, source, size)
            self.ids += batch.ids
            self.matched += batch.matched
            self.before = batch.last or self.before
            self.is_over = batch.last is None or await self._has_all(conn)
            size = self._clock.next_size(size, self._first)
        await set_limit(conn, SHOWING_SECONDS)

    async def _has_all(self, conn: psycopg.AsyncConnection) -> bool:
        """Whether the queues have no more tasks of these statuses than were found from the newest one on.

        Without this, a scan for the few tasks of small queues would go on to the oldest task of all queues.
        """
        is_any = self._chosen.queue is None and self._chosen.queues is None
        if is_any or self._chosen.before is not None:
            return False
        if self._there is None:
            self._there = await number_of(conn, self._chosen, self._chosen.statuses)
        return self.matched >= self._there

    async def _next_batch(self, conn: psycopg.AsyncConnection, source: ScanSource, size: int) -> _Batch:
        chosen = msgspec.structs.replace(self._chosen, before=self.before)
        query = psql.SQL(sql("search_window")).format(
            scanned=scan_query(chosen, source, size),
            matching=matching_query(chosen, source, self._most - self.matched),
            size=psql.Literal(size),
            shown=psql.Literal(max(self._shown - self.matched, 0)),
        )
        return _Batch(*await one_row(conn, query, msgspec.structs.asdict(chosen), prepare=False))


async def set_limit(conn: psycopg.AsyncConnection, seconds: float) -> None:
    """Limits each following statement of the transaction to this many seconds."""
    milliseconds = psql.Literal(max(1, round(seconds * 1000)))
    await conn.execute(psql.SQL("SET LOCAL statement_timeout = {}").format(milliseconds))


def _can_mismatch(chosen: TaskFilter) -> bool:
    asked = msgspec.structs.replace(chosen, status=None, before=None, first=None, last=None)
    return asked != TaskFilter() or chosen.status is Status.COMPLETED

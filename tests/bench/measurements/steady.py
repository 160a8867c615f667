"""A drain that goes on for a set time, by fifths of it: the rate, and the processor time of a task.

A worker drains a queue that the database itself refills. What the refilling backend uses is not counted.
"""

import time
from collections.abc import Callable, Generator

import msgspec
import psycopg

from tests.bench.contenders.postgres_store import number
from tests.bench.run import processor_time
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child
from tests.bench.run.progress import say

FIFTHS = 5
WARM_UP_SECONDS = 3.0


class Fifth(msgspec.Struct, frozen=True):
    """Tasks a second, and microseconds of processor time for each of them; None if the server runs elsewhere."""

    rate: float
    database: float | None
    worker: float


class Meter:
    """What the server, the worker and the clock show. `filler` is the backend that refills the queue."""

    def __init__(self, conn: psycopg.Connection, filler: int, worker: Child) -> None:
        self._conn = conn
        self._filler = filler
        self._worker = worker.pid
        self._postmaster = _postmaster(conn)

    def completed(self) -> float:
        return number(self._conn, "SELECT sum(completed)::float8 FROM lapinq_counts")

    def read(self) -> "_Reading":
        database = None
        if self._postmaster:
            database = processor_time.family_seconds(self._postmaster) - processor_time.seconds(self._filler)
        return _Reading(time.monotonic(), self.completed(), database, processor_time.seconds(self._worker))


def fifths(meter: Meter, worker: Child, plan: Plan) -> list[Fifth]:
    """Measured once the worker has warmed up; each is told when it is over."""
    _wait_for_first(meter.completed, worker, plan.limit)
    time.sleep(WARM_UP_SECONDS)
    return list(_fifths(meter, worker, plan.held_seconds))


class _Reading(msgspec.Struct, frozen=True):
    at: float
    completed: float
    database: float | None
    worker: float


def _fifths(meter: Meter, worker: Child, seconds: float) -> Generator[Fifth]:
    first = before = meter.read()
    for place in range(1, FIFTHS + 1):
        time.sleep(max(0.0, first.at + place * seconds / FIFTHS - time.monotonic()))
        worker.check_alive()
        now = meter.read()
        if not (tasks := now.completed - before.completed):
            raise BenchError(f"no task ended in fifth {place}")
        fifth = Fifth(
            tasks / (now.at - before.at),
            None
            if now.database is None or before.database is None
            else 1e6 * (now.database - before.database) / tasks,
            1e6 * (now.worker - before.worker) / tasks,
        )
        used = "" if fifth.database is None else f", {fifth.database:.1f} µs of the database"
        say(f"  fifth {place}: {fifth.rate:,.0f} tasks/s{used}, {fifth.worker:.1f} µs of the worker")
        yield fifth
        before = now


def _wait_for_first(completed: Callable[[], float], worker: Child, limit: float) -> None:
    at_start = completed()
    give_up = time.monotonic() + limit
    while completed() == at_start:
        worker.check_alive()
        if time.monotonic() > give_up:
            raise BenchError("no task ended")
        time.sleep(0.1)


def _postmaster(conn: psycopg.Connection) -> int | None:
    """Its process id, if it runs on this machine."""
    pid = conn.info.backend_pid
    title = processor_time.command(pid)
    return processor_time.parent(pid) if title.startswith("postgres") else None

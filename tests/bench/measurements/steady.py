"""A drain that goes on for a set time, by fifths of it: the rate, and the processor time of a task.

A worker drains a queue that the database itself refills. What the refilling backend uses is not counted.
"""

import time
from itertools import pairwise

import msgspec
import psycopg

from tests.bench.contenders.contender import number
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


def fifths(conn: psycopg.Connection, filler: int, worker: Child, plan: Plan) -> list[Fifth]:
    """Measured once the worker has warmed up. `filler` is the refilling backend."""
    pid = conn.info.backend_pid
    is_local = processor_time.command(pid).startswith("postgres")
    postmaster = processor_time.parent(pid) if is_local else 0

    def completed() -> float:
        return number(conn, "SELECT sum(completed)::float8 FROM lapinq_counts")

    def read() -> tuple[float, float, float, float]:
        database = (
            processor_time.family_seconds(postmaster) - processor_time.seconds(filler) if postmaster else 0.0
        )
        return time.monotonic(), completed(), database, processor_time.seconds(worker.pid)

    at_start = completed()
    worker.wait_until(lambda: completed() > at_start, plan.limit, "no task ended")
    time.sleep(WARM_UP_SECONDS)
    read_at = [read()]
    for place in range(1, FIFTHS + 1):
        time.sleep(max(0.0, read_at[0][0] + place * plan.held_seconds / FIFTHS - time.monotonic()))
        worker.check_alive()
        read_at.append(read())
    return [
        _fifth(place, [late - early for early, late in zip(before, after, strict=True)], is_local=is_local)
        for place, (before, after) in enumerate(pairwise(read_at), start=1)
    ]


def _fifth(place: int, used: list[float], *, is_local: bool) -> Fifth:
    seconds, tasks, database, worker = used
    if not tasks:
        raise BenchError(f"no task ended in fifth {place}")
    fifth = Fifth(tasks / seconds, 1e6 * database / tasks if is_local else None, 1e6 * worker / tasks)
    of_database = "" if fifth.database is None else f", {fifth.database:.1f} µs of the database"
    say(f"  fifth {place}: {fifth.rate:,.0f} tasks/s{of_database}, {fifth.worker:.1f} µs of the worker")
    return fifth

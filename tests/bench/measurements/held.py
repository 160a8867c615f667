"""Whether a drain keeps its rate: beside a held snapshot, a standby that holds back vacuum, and very full tables.

Each run goes on for a set time, by fifths of it, while the database itself refills the queue. A burdened one follows an
undisturbed one, and is compared with it. Deleted rows stay as long as a transaction may still see them, so what a
statement walks grows all the time, and shows in the last fifths.
"""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from itertools import pairwise
from statistics import fmean

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.bench.contenders.contender import Contender, number
from tests.bench.contenders.lapinq_refill import AHEAD, FINISHED, WAITING, add_many, kept_filled
from tests.bench.measurements.case import Case, Field, reading, working
from tests.bench.measurements.drains import held_snapshot
from tests.bench.run import processor_time
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child, say, wait_until
from tests.bench.run.server import standby
from tests.bench.run.steady_table import BY_FIFTHS, DATABASE_TIME, SLOWEST, TITLE, UNDISTURBED, WORKER_TIME

QUEUE = "default"
FIFTHS = 5
WARM_UP_SECONDS = 3.0
FEEDBACK_SECONDS = 30.0


class _Fifth(msgspec.Struct, frozen=True):
    """Tasks a second, and microseconds of processor time for each of them; None if the server runs elsewhere.

    What the refilling backend uses is not counted.
    """

    rate: float
    database: float | None
    worker: float


class _Burden(msgspec.Struct, frozen=True):
    """`hold` gets the database, and the standby's URL or "", and lasts as long as the run."""

    name: str
    beside: str = ""
    """The name of the undisturbed run that it is compared with."""
    waiting: int = 0
    finished: int = 0
    has_standby: bool = False
    hold: Callable[[str, str], AbstractContextManager[None]] = lambda _database, _standby: nullcontext()


def held_cases(field: Field) -> list[Case]:
    """Of lapinq alone: vacuum held back, by a snapshot and by a standby."""
    return _cases(
        field,
        _Burden("nothing else"),
        _Burden("a held snapshot", "nothing else", hold=lambda database, _: held_snapshot(database)),
        _Burden("a standby", has_standby=True),
        _Burden("a snapshot held on a standby", "a standby", has_standby=True, hold=_fed_back),
    )


def full_cases(field: Field) -> list[Case]:
    """Of lapinq alone: many tasks waiting in the queue itself, and many finished ones."""
    plan, empty = field.plan, "empty tables"
    return _cases(
        field,
        _Burden(empty),
        _Burden(f"{plan.backlog:,} more waiting", empty, waiting=plan.backlog),
        _Burden(f"{plan.finished:,} finished", empty, finished=plan.finished),
    )


def _cases(field: Field, *burdens: _Burden) -> list[Case]:
    measured: dict[str, list[_Fifth]] = {}
    """The fifths of the last run of each."""

    def case(burden: _Burden) -> Case:
        title = f"{TITLE}, {burden.name}"

        def run() -> list[Reading]:
            say(f"{title}:")
            measured[burden.name] = _drained(field.lapinq, field.plan, burden)
            told = _told(burden, measured)
            return [reading(field.lapinq, f"{title}, {name}", unit, value) for name, unit, value in told]

        return Case(title, field.lapinq, run)

    return [case(burden) for burden in burdens]


def _drained(lapinq: Contender, plan: Plan, burden: _Burden) -> list[_Fifth]:
    waiting = burden.waiting + AHEAD
    with ExitStack() as stack:
        database = stack.enter_context(lapinq.fresh_database())
        conn = stack.enter_context(psycopg.connect(database, autocommit=True))
        _make_log_files(conn)
        standby_url = stack.enter_context(standby(database)) if burden.has_standby else ""
        add_many(database, FINISHED, QUEUE, burden.finished, "finished")
        add_many(database, WAITING, QUEUE, waiting, "waiting")
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")
        stack.enter_context(burden.hold(database, standby_url))
        filler = stack.enter_context(kept_filled(database, QUEUE, waiting))
        worker = stack.enter_context(working(lapinq, database, "coroutines"))
        return _fifths(conn, filler, worker.child, plan)


def _fifths(conn: psycopg.Connection, filler: int, worker: Child, plan: Plan) -> list[_Fifth]:
    """Measured once the worker has warmed up. `filler` is the refilling backend."""
    postmaster = processor_time.postmaster(conn)

    def completed() -> float:
        return number(conn, "SELECT sum(completed)::float8 FROM lapinq_counts")

    def read() -> tuple[float, float, float, float]:
        database = 0.0
        if postmaster:
            database = processor_time.family_seconds(postmaster) - processor_time.seconds(filler)
        return time.monotonic(), completed(), database, processor_time.seconds(worker.pid)

    at_start = completed()
    worker.wait_until(lambda: completed() > at_start, plan.limit, "no task ended")
    time.sleep(WARM_UP_SECONDS)
    read_at = [read()]
    for place in range(1, FIFTHS + 1):
        time.sleep(max(0.0, read_at[0][0] + place * plan.held_seconds / FIFTHS - time.monotonic()))
        worker.check_alive()
        read_at.append(read())
    found: list[_Fifth] = []
    for place, (before, after) in enumerate(pairwise(read_at), start=1):
        seconds, tasks, database, of_worker = (
            late - early for early, late in zip(before, after, strict=True)
        )
        if not tasks:
            raise BenchError(f"no task ended in fifth {place}")
        fifth = _Fifth(
            tasks / seconds, 1e6 * database / tasks if postmaster else None, 1e6 * of_worker / tasks
        )
        found.append(fifth)
        of_database = "" if fifth.database is None else f", {fifth.database:.1f} µs of the database"
        say(f"  fifth {place}: {fifth.rate:,.0f} tasks/s{of_database}, {fifth.worker:.1f} µs of the worker")
    return found


def _told(burden: _Burden, measured: dict[str, list[_Fifth]]) -> Generator[tuple[str, str, float]]:
    """Of a burdened run also its slowest fifth and the undisturbed rate, and the lowest ratio of the same fifths.

    What comes with time, such as checkpoints and growing tables, comes in the same fifth of both.
    """
    own = measured[burden.name]
    for place, fifth in enumerate(own, start=1):
        yield f"fifth {place}", "tasks/s", fifth.rate
        if fifth.database is not None:
            yield f"fifth {place}, {DATABASE_TIME}", "µs", fifth.database
        yield f"fifth {place}, {WORKER_TIME}", "µs", fifth.worker
    if burden.beside:
        if not (alone := measured.get(burden.beside)):
            raise BenchError("there is no undisturbed run to compare with")
        yield SLOWEST, "tasks/s", min(fifth.rate for fifth in own)
        yield UNDISTURBED, "tasks/s", fmean(fifth.rate for fifth in alone)
        yield BY_FIFTHS, "ratio", min(one.rate / other.rate for one, other in zip(own, alone, strict=True))


def _make_log_files(conn: psycopg.Connection) -> None:
    """Lets the server have as many files of write-ahead log as it ever keeps.

    The first of several runs would otherwise create them, which takes longer than to write over old ones.
    """
    megabytes = number(conn, "SELECT setting::float8 FROM pg_settings WHERE name = 'max_wal_size'")
    there = number(conn, "SELECT sum(size)::float8 / 1048576 FROM pg_ls_waldir()")
    for _ in range(int(megabytes - there)):
        conn.execute("SELECT pg_logical_emit_message(false, 'lapinq-bench', repeat('x', 1 << 20))")
    conn.execute("CHECKPOINT")


@contextmanager
def _fed_back(database: str, standby_url: str) -> Generator[None]:
    """A snapshot on the standby, once the server knows of it."""
    held = held_snapshot(make_conninfo(standby_url, dbname=str(conninfo_to_dict(database)["dbname"])))
    known = "SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL"
    with held, psycopg.connect(database, autocommit=True) as conn:
        wait_until(
            lambda: number(conn, known), FEEDBACK_SECONDS, "the standby does not say which rows it needs"
        )
        yield

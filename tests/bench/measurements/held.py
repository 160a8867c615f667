"""Whether a drain keeps its rate: beside a held snapshot, a standby that holds back vacuum, and very full tables.

Each burdened run follows an undisturbed one, and is compared with it. Deleted rows stay as long as a transaction may
still see them, so what a statement walks grows all the time, and shows in the last fifths.
"""

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from statistics import fmean

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.bench.contenders.contender import Contender, number
from tests.bench.contenders.lapinq_refill import AHEAD, FINISHED, WAITING, add_many, kept_filled
from tests.bench.measurements.case import Case, Field, reading, working
from tests.bench.measurements.drains import held_snapshot
from tests.bench.measurements.steady import Fifth, fifths
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError
from tests.bench.run.progress import say
from tests.bench.run.standby import standby
from tests.bench.run.steady_table import BY_FIFTHS, DATABASE_TIME, SLOWEST, TITLE, UNDISTURBED, WORKER_TIME

QUEUE = "default"
FEEDBACK_SECONDS = 30.0


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
    measured: dict[str, list[Fifth]] = {}
    """The fifths of the last run of each."""

    def case(burden: _Burden) -> Case:
        def run() -> list[Reading]:
            say(f"{TITLE}, {burden.name}:")
            measured[burden.name] = _drained(field.lapinq, field.plan, burden)
            told = _told(burden, measured)
            return [
                reading(field.lapinq, f"{TITLE}, {burden.name}, {name}", unit, value)
                for name, unit, value in told
            ]

        return Case(f"{TITLE}, {burden.name}", field.lapinq, run)

    return [case(burden) for burden in burdens]


def _drained(lapinq: Contender, plan: Plan, burden: _Burden) -> list[Fifth]:
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
        return fifths(conn, filler, worker.child, plan)


def _told(burden: _Burden, measured: dict[str, list[Fifth]]) -> Generator[tuple[str, str, float]]:
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
    megabytes = "SELECT setting::float8 FROM pg_settings WHERE name = 'max_wal_size'"
    there = "SELECT sum(size) / 1048576.0 FROM pg_ls_waldir()"
    for _ in range(int(number(conn, megabytes) - float(number(conn, there)))):
        conn.execute("SELECT pg_logical_emit_message(false, 'lapinq-bench', repeat('x', 1 << 20))")
    conn.execute("CHECKPOINT")


@contextmanager
def _fed_back(database: str, standby_url: str) -> Generator[None]:
    """A snapshot on the standby, once the server knows of it."""
    name = str(conninfo_to_dict(database)["dbname"])
    with (
        held_snapshot(make_conninfo(standby_url, dbname=name)),
        psycopg.connect(database, autocommit=True) as conn,
    ):
        give_up = time.monotonic() + FEEDBACK_SECONDS
        while not number(conn, "SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL"):
            if time.monotonic() > give_up:
                raise BenchError("the standby does not say which rows it needs")
            time.sleep(0.1)
        yield

"""Whether a drain keeps its rate: beside a held snapshot, a standby that holds back vacuum, and very full tables.

Each burdened run follows an undisturbed one, and is compared with it. Deleted rows
stay as long as a transaction may still see them, so what a statement walks grows all the time, and shows in the last
fifths.
"""

import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from statistics import fmean

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.contenders.lapinq_refill import AHEAD, add_many_finished, add_many_waiting, kept_filled
from tests.bench.contenders.postgres_store import number
from tests.bench.measurements.steady import Fifth, Meter, fifths
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError
from tests.bench.run.progress import say
from tests.bench.run.standby import standby
from tests.bench.run.steady_table import BY_FIFTHS, DATABASE_TIME, SLOWEST, TITLE, UNDISTURBED, WORKER_TIME

QUEUE = "default"
FEEDBACK_SECONDS = 30.0


def held_cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone: vacuum held back, by a snapshot and by a standby."""
    del contenders
    alone = _Steady(lapinq, plan, "nothing else")
    beside_standby = _Steady(lapinq, plan, "a standby", has_standby=True)
    return [
        alone.case(),
        _Steady(lapinq, plan, "a held snapshot", hold=_snapshot, undisturbed=alone).case(),
        beside_standby.case(),
        _Steady(
            lapinq,
            plan,
            "a snapshot held on a standby",
            has_standby=True,
            hold=_snapshot_fed_back,
            undisturbed=beside_standby,
        ).case(),
    ]


def full_cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone: many tasks waiting in the queue itself, and many finished ones."""
    del contenders
    alone = _Steady(lapinq, plan, "empty tables")
    return [
        alone.case(),
        _Steady(
            lapinq, plan, f"{plan.backlog:,} more waiting", waiting=plan.backlog, undisturbed=alone
        ).case(),
        _Steady(
            lapinq, plan, f"{plan.finished:,} finished", finished=plan.finished, undisturbed=alone
        ).case(),
    ]


class _Steady:
    """One burden. `hold` gets the database, and the standby's URL or "", and lasts as long as the run."""

    def __init__(
        self,
        lapinq: Lapinq,
        plan: Plan,
        burden: str,
        *,
        waiting: int = 0,
        finished: int = 0,
        has_standby: bool = False,
        hold: Callable[[str, str], AbstractContextManager[None]] = lambda _database, _standby: nullcontext(),
        undisturbed: "_Steady | None" = None,
    ) -> None:
        self._lapinq = lapinq
        self._plan = plan
        self._title = f"{TITLE}, {burden}"
        self._waiting = waiting
        self._finished = finished
        self._has_standby = has_standby
        self._hold = hold
        self._undisturbed = undisturbed
        self.fifths: list[Fifth] = []
        """Of the last run."""

    def case(self) -> Case:
        return Case(self._title, self._lapinq.about.name, self._run)

    def _run(self) -> list[Reading]:
        say(f"{self._title}:")
        with ExitStack() as stack:
            _make_log_files(self._lapinq.server_url)
            standby_url = stack.enter_context(standby(self._lapinq.server_url)) if self._has_standby else ""
            database = stack.enter_context(self._lapinq.fresh_database())
            conn = stack.enter_context(psycopg.connect(database, autocommit=True))
            add_many_finished(database, QUEUE, self._finished)
            add_many_waiting(database, QUEUE, self._waiting + AHEAD)
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")
            stack.enter_context(self._hold(database, standby_url))
            filler = stack.enter_context(kept_filled(database, QUEUE, self._waiting + AHEAD))
            marked = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            worker = stack.enter_context(self._lapinq.worker(database, "coroutines", marked))
            self.fifths = fifths(Meter(conn, filler, worker), worker, self._plan)
        return [*self._own(), *(self._beside(self._undisturbed.fifths) if self._undisturbed else [])]

    def _own(self) -> Generator[Reading]:
        for place, fifth in enumerate(self.fifths, start=1):
            yield self._reading(f"fifth {place}", "tasks/s", fifth.rate)
            if fifth.database is not None:
                yield self._reading(f"fifth {place}, {DATABASE_TIME}", "µs", fifth.database)
            yield self._reading(f"fifth {place}, {WORKER_TIME}", "µs", fifth.worker)

    def _beside(self, undisturbed: Sequence[Fifth]) -> Generator[Reading]:
        """The slowest fifth and the undisturbed rate; and the lowest ratio of a fifth and the same one undisturbed.

        What comes with time, such as checkpoints and growing tables, comes in the same fifth of both.
        """
        if not undisturbed:
            raise BenchError("there is no undisturbed run to compare with")
        yield self._reading(SLOWEST, "tasks/s", min(fifth.rate for fifth in self.fifths))
        yield self._reading(UNDISTURBED, "tasks/s", fmean(fifth.rate for fifth in undisturbed))
        pairs = zip(self.fifths, undisturbed, strict=True)
        yield self._reading(BY_FIFTHS, "ratio", min(burdened.rate / alone.rate for burdened, alone in pairs))

    def _reading(self, what: str, unit: str, value: float) -> Reading:
        return Reading(
            Metric(f"{self._title}, {what}", unit, "less" if unit == "µs" else "more"),
            self._lapinq.about.name,
            value,
        )


@cache
def _make_log_files(server_url: str) -> None:
    """Lets the server have as many files of write-ahead log as it ever keeps.

    The first of several runs would otherwise create them, which takes longer than to write over old ones.
    """
    say("making files of write-ahead log")
    with psycopg.connect(server_url, autocommit=True) as conn:
        for _ in range(
            int(number(conn, "SELECT setting::float8 FROM pg_settings WHERE name = 'max_wal_size'"))
        ):
            conn.execute("SELECT pg_logical_emit_message(false, 'lapinq-bench', repeat('x', 1 << 20))")
        conn.execute("CHECKPOINT")


@contextmanager
def _snapshot(database: str, _standby_url: str) -> Generator[None]:
    with psycopg.connect(database) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        number(conn, "SELECT count(*) FROM lapinq_queues")
        yield


@contextmanager
def _snapshot_fed_back(database: str, standby_url: str) -> Generator[None]:
    name = str(conninfo_to_dict(database)["dbname"])
    with (
        _snapshot(make_conninfo(standby_url, dbname=name), ""),
        psycopg.connect(database, autocommit=True) as conn,
    ):
        give_up = time.monotonic() + FEEDBACK_SECONDS
        while not number(conn, "SELECT count(*) FROM pg_stat_replication WHERE backend_xmin IS NOT NULL"):
            if time.monotonic() > give_up:
                raise BenchError("the standby does not say which rows it needs")
            time.sleep(0.1)
        yield

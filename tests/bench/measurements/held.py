"""Whether a drain keeps its rate: beside a held snapshot, a standby that holds back vacuum, and very full tables.

A worker drains a queue that the database refills, for `--held-seconds`. The rate of each fifth of that time is compared
with the rate of the same run without the burden. Deleted rows stay as long as a transaction may still see them, so what
a statement walks grows all the time, and shows in the last fifths.
"""

import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.contenders.lapinq_refill import AHEAD, add_finished, add_waiting, kept_filled
from tests.bench.contenders.postgres_store import number
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child
from tests.bench.run.standby import standby

QUEUE = "default"
FIFTHS = 5
WARM_UP_SECONDS = 3.0
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
    alone = _Steady(lapinq, plan, "nothing else")
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
        self._title = f"steady drain, {burden}"
        self._waiting = waiting
        self._finished = finished
        self._has_standby = has_standby
        self._hold = hold
        self._undisturbed = undisturbed
        self.rate = 0.0
        """Of the last run, all of it."""

    def case(self) -> Case:
        return Case(self._title, self._lapinq.about.name, self._run)

    def _run(self) -> list[Reading]:
        with ExitStack() as stack:
            standby_url = stack.enter_context(standby(self._lapinq.server_url)) if self._has_standby else ""
            database = stack.enter_context(self._lapinq.fresh_database())
            conn = stack.enter_context(psycopg.connect(database, autocommit=True))
            add_finished(conn, QUEUE, self._finished)
            add_waiting(conn, QUEUE, self._waiting + AHEAD)
            conn.execute("VACUUM (ANALYZE)")
            conn.execute("CHECKPOINT")
            stack.enter_context(self._hold(database, standby_url))
            stack.enter_context(kept_filled(database, QUEUE, self._waiting + AHEAD))
            marked = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            worker = stack.enter_context(self._lapinq.worker(database, "coroutines", marked))
            rates = list(_rates(partial(_completed, conn), worker, self._plan))
        self.rate = sum(rates) / FIFTHS
        readings = [
            self._reading(f"fifth {fifth}", "tasks/s", rate) for fifth, rate in enumerate(rates, start=1)
        ]
        if self._undisturbed:
            if not self._undisturbed.rate:
                raise BenchError("there is no undisturbed rate to compare with")
            share = min(rates) / self._undisturbed.rate
            readings.append(self._reading("slowest fifth beside the undisturbed rate", "ratio", share))
        return readings

    def _reading(self, what: str, unit: str, value: float) -> Reading:
        return Reading(Metric(f"{self._title}, {what}", unit, "more"), self._lapinq.about.name, value)


def _rates(completed: Callable[[], float], worker: Child, plan: Plan) -> Generator[float]:
    """Tasks a second in each fifth, once the worker has warmed up."""
    at_start = completed()
    give_up = time.monotonic() + plan.limit
    while completed() == at_start:
        worker.check_alive()
        if time.monotonic() > give_up:
            raise BenchError("no task ended")
        time.sleep(0.1)
    time.sleep(WARM_UP_SECONDS)
    began = time.monotonic()
    before, ended_before = began, completed()
    for fifth in range(1, FIFTHS + 1):
        time.sleep(max(0.0, began + fifth * plan.held_seconds / FIFTHS - time.monotonic()))
        worker.check_alive()
        now, ended = time.monotonic(), completed()
        yield (ended - ended_before) / (now - before)
        before, ended_before = now, ended


def _completed(conn: psycopg.Connection) -> float:
    return number(conn, "SELECT sum(completed)::float8 FROM lapinq_counts")


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

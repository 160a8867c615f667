"""How fast waiting tasks are worked off, and what a task costs in WAL from its enqueueing to its end.

The queue is filled while no worker runs. The clock runs from the first function of the worker that began last, so
that the start of a process doesn't count (it is told apart), until all tasks are seen to have ended well, for which
the database is asked every 20 ms. Tasks that another worker ended before that are not counted.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import psycopg

from tests.bench.contenders import marks
from tests.bench.contenders.contender import Contender, number
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child

SAMPLE_SECONDS = 0.02
WAL = Metric("WAL per task, enqueued and run", "bytes", "less")
WAL_OF_RUN = Metric("WAL per task, run", "bytes", "less")
START = Metric("start of a worker until its first task", "s", "less")


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Coroutines for all, plain functions for lapinq."""
    both = [
        _case(
            contender,
            plan,
            "coroutines",
            workers,
            f"drain, coroutines, {workers} worker{'s' * (workers > 1)}",
        )
        for workers in (1, 2)
        for contender in contenders
    ]
    return [
        *both,
        _case(lapinq, plan, "threads", 1, f"drain, plain functions in {plan.threads} threads"),
        _case(lapinq, plan, "processes", 1, f"drain, plain functions in {plan.processes} processes"),
    ]


def _case(contender: Contender, plan: Plan, kind: str, workers: int, title: str) -> Case:
    metric = Metric(title, "tasks/s", "more")
    return Case(title, contender.name, lambda: drained(contender, plan, kind, workers, metric))


def drained(
    contender: Contender,
    plan: Plan,
    kind: str,
    workers: int,
    metric: Metric,
    *,
    beforehand: Callable[[psycopg.Connection], None] = lambda _: None,
) -> list[Reading]:
    """One measurement; `beforehand` is called with the empty database."""
    tasks = plan.tasks
    function = "nothing_plain" if kind in {"threads", "processes"} else "nothing"
    with ExitStack() as stack:
        database = stack.enter_context(contender.fresh_database())
        conn = stack.enter_context(psycopg.connect(database, autocommit=True))
        beforehand(conn)
        conn.execute("CHECKPOINT")
        wal = [_wal(conn)]
        contender.produce(database, "bulk", function, tasks, plan.batch, limit=plan.limit)
        wal.append(_wal(conn))
        # What autovacuum does with tables that grew, at a time that is the same for all.
        conn.execute("VACUUM (ANALYZE)")
        wal.append(_wal(conn))
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(workers)]
        started = time.time()
        children = [stack.enter_context(contender.worker(database, kind, marked)) for marked in directories]
        ended = _wait_until_drained(contender, conn, tasks, children, started + plan.limit)
        wal.append(_wal(conn))
        first_runs = [first for marked in directories if (first := marks.first_run(marked))]
        if len(first_runs) < workers:
            raise BenchError(f"only {len(first_runs)} of {workers} workers got a task: take more --tasks")
        begun = max(first_runs)
        before = contender.finished_before(conn, begun) if workers > 1 else 0
        readings = [Reading(metric, contender.name, (tasks - before) / (ended - begun))]
        if workers == 1 and kind == "coroutines":
            readings += [
                Reading(WAL, contender.name, (wal[1] - wal[0] + wal[3] - wal[2]) / tasks),
                Reading(WAL_OF_RUN, contender.name, (wal[3] - wal[2]) / tasks),
                Reading(START, contender.name, begun - started),
            ]
        # The sampling may be late by its interval; what the contender itself recorded must agree with it.
        late = ended - contender.last_finish(conn)
        if not -0.1 < late < 1.0:
            raise BenchError(f"all tasks were seen to have ended {late:.3f} s after the last one had")
        return readings


def _wait_until_drained(
    contender: Contender, conn: psycopg.Connection, tasks: int, workers: Sequence[Child], give_up: float
) -> float:
    while not contender.is_drained(conn, tasks):
        if time.time() > give_up:
            raise BenchError("the queue was not drained in time")
        for worker in workers:
            worker.check_alive()
        time.sleep(SAMPLE_SECONDS)
    return time.time()


def _wal(conn: psycopg.Connection) -> float:
    return number(conn, "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8")

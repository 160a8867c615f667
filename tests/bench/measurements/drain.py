"""How fast waiting tasks are worked off, how fast they were enqueued, and what a task costs in WAL and processor time.

The queue is filled while no worker runs. Then the clock runs from the first function of a worker, so that the start of
its process doesn't count (it is told apart), until all tasks have ended. While functions run, only the marks they leave
are read, every 20 ms; when all have run, the store is asked whether their ends are stored. With several workers the
clock runs from the moment when each has run something, and what ran before isn't counted.

Where some tasks fail once, it stops when as many functions have run as there are tasks, so that nobody's delay before
the last retries counts. Processor time is that until all tasks have ended.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import pairwise

import msgspec
import psycopg

from tests.bench.contenders.contender import Contender, Store
from tests.bench.measurements.case import Worker, working
from tests.bench.run import processor_time
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError

LEAST_TASKS = 500
FIFTHS = 5


class Load(msgspec.Struct, frozen=True):
    """What is drained: what the producer hands in, and how it ends."""

    function: str = "nothing"
    kind: str = "coroutines"
    fails_once_each: int = 0
    """Each so-manieth task, the first one too, runs again after a failure."""
    fails: bool = False
    share: float = 1.0
    """How many tasks, as a share of the contender's."""

    def runs(self, tasks: int) -> int:
        """Of the functions of so many tasks."""
        return tasks + (math.ceil(tasks / self.fails_once_each) if self.fails_once_each else 0)


class Drained(msgspec.Struct, frozen=True):
    """`rate` is in runs a second, `filled` in tasks a second, `start` of a worker in seconds, WAL in bytes a task.

    `worker` and `database` are microseconds of processor time a task, 0 for a database elsewhere.
    """

    rate: float
    filled: float
    start: float
    wal: float
    wal_of_run: float
    fifths: list[float]
    """The rates in each fifth of the runs."""
    worker: float
    database: float


def drained(
    contender: Contender,
    plan: Plan,
    load: Load,
    *,
    workers: int = 1,
    beforehand: Callable[[psycopg.Connection], None] | None = None,
    during: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> Drained:
    """One measurement; `beforehand` gets a connection to the empty database, `during` the URL of the filled one."""
    tasks = max(LEAST_TASKS, int(plan.tasks * contender.share * load.share))
    with ExitStack() as stack:
        database = stack.enter_context(contender.fresh_database())
        if beforehand:
            with psycopg.connect(database, autocommit=True) as conn:
                beforehand(conn)
        store = stack.enter_context(contender.opened(database))
        store.prepare("CHECKPOINT")
        wal = [store.wal_bytes()]
        filled = contender.produce(database, "bulk", load.function, tasks, plan.batch, limit=plan.limit)
        wal.append(store.wal_bytes())
        # What the server does by itself after a large enqueue, at a time that is the same for all.
        store.prepare("VACUUM (ANALYZE)")
        wal.append(store.wal_bytes())
        stack.enter_context(during(database))
        started = time.time()
        running = [stack.enter_context(working(contender, database, load.kind)) for _ in range(workers)]
        begun, before = _wait_for_all(running, plan.limit)
        used = [_processor_seconds(running, store)]
        progress = wait_for_the_end(running, store, tasks, load, plan.limit)
        ended = time.time()
        used.append(_processor_seconds(running, store))
        wal.append(store.wal_bytes())
    runs = load.runs(tasks)
    if load.fails_once_each > 1:
        ended, runs = next(one for one in progress if one[1] >= tasks)
    if (runs - before) < runs / 4:
        raise BenchError(f"{before} of {runs} tasks had run before every worker got one: take more --tasks")
    wal_of_run = (wal[3] - wal[2]) / tasks
    return Drained(
        rate=(runs - before) / (ended - begun),
        filled=filled.rate,
        start=begun - started,
        wal=(wal[1] - wal[0]) / tasks + wal_of_run,
        wal_of_run=wal_of_run,
        fifths=_fifths(progress),
        worker=1e6 * (used[1][0] - used[0][0]) / (tasks - before),
        database=1e6 * (used[1][1] - used[0][1]) / (tasks - before),
    )


def wait_for_the_end(
    workers: Sequence[Worker], store: Store, tasks: int, load: Load, limit: float
) -> list[tuple[float, int]]:
    """Returns once `tasks` tasks have run, as often as they should, and have ended as they should.

    Answers how many had run at which times.
    """
    progress: list[tuple[float, int]] = []

    def all_ran() -> bool:
        for one in workers:
            one.child.check_alive()
        progress.append((time.time(), sum(one.runs().count for one in workers)))
        return progress[-1][1] >= load.runs(tasks)

    def all_ended() -> bool:
        return store.is_drained(tasks, load.fails)

    workers[-1].child.wait_until(all_ran, limit, "not all tasks ran")
    workers[-1].child.wait_until(all_ended, limit, "all tasks ran, but not all had ended")
    return progress


def _processor_seconds(workers: Sequence[Worker], store: Store) -> tuple[float, float]:
    """Of the workers without their children, and of a PostgreSQL on this machine."""
    postmaster = processor_time.postmaster(store.conn) if store.conn else 0
    of_database = processor_time.family_seconds(postmaster) if postmaster else 0.0
    return sum(processor_time.seconds(one.child.pid) for one in workers), of_database


def _fifths(progress: Sequence[tuple[float, int]]) -> list[float]:
    (_, first), (_, last) = progress[0], progress[-1]
    steps = [first + (last - first) * step / FIFTHS for step in range(FIFTHS + 1)]
    ends = [next(one for one in progress if one[1] >= step) for step in steps]
    pairs = [(before, after) for before, after in pairwise(ends) if after[0] > before[0]]
    return [(after[1] - before[1]) / (after[0] - before[0]) for before, after in pairs]


def _wait_for_all(workers: Sequence[Worker], limit: float) -> tuple[float, int]:
    """When each of the workers had begun, and how many tasks had run by then."""
    found: list[tuple[float, int]] = []

    def each_began() -> bool:
        now, runs = time.time(), [one.runs() for one in workers]
        firsts = [one.first for one in runs if one.first]
        if len(firsts) == len(workers):
            found.append((firsts[0], 0) if len(firsts) == 1 else (now, sum(one.count for one in runs)))
        return bool(found)

    workers[-1].child.wait_until(each_began, limit, "not every worker got a task")
    return found[0]

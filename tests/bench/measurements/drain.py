"""How fast waiting tasks are worked off, how fast they were enqueued, and what a task costs in WAL.

The queue is filled while no worker runs. Then the clock runs from the first function of a worker, so that the start of
its process doesn't count (it is told apart), until all tasks have ended. While functions run, only the marks they leave
are read, every 20 ms; when all have run, the store is asked whether their ends are stored. With several workers the
clock runs from the moment when each has run something, and what ran before isn't counted.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from itertools import pairwise
from pathlib import Path

import msgspec
import psycopg

from tests.bench.contenders import marks
from tests.bench.contenders.contender import Contender, Store
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan
from tests.bench.run.processes import BenchError, Child

SAMPLE_SECONDS = 0.02
LEAST_TASKS = 500
FIFTHS = 5
ONE = Metric("drain, one process", "tasks/s", "more")
TWO = Metric("drain, two processes", "tasks/s", "more")
THREADS = Metric("drain, plain functions in threads", "tasks/s", "more")
CHILDREN = Metric("drain, plain functions in child processes", "tasks/s", "more")
BULK = Metric("bulk enqueue, 1,000 a call", "tasks/s", "more")
WAL = Metric("WAL per task, enqueued and run", "bytes", "less")
WAL_OF_RUN = Metric("WAL per task, run", "bytes", "less")
START = Metric("start of a worker until its first task", "s", "less")


class Load(msgspec.Struct, frozen=True):
    """What is drained: by which verb of the producer it is handed in, and how it ends."""

    function: str = "nothing"
    verb: str = "bulk"
    kind: str = "coroutines"
    runs_of_a_task: int = 1
    fails: bool = False
    share: float = 1.0
    """How many tasks, as a share of the contender's."""


class Drained(msgspec.Struct, frozen=True):
    """`rate` is in runs a second, `filled` in tasks a second, `start` of a worker in seconds, WAL in bytes a task."""

    rate: float
    filled: float
    start: float
    wal: float
    wal_of_run: float
    fifths: list[float]
    """The rates in each fifth of the runs."""


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """One and two processes of all; of lapinq also plain functions in threads and in child processes."""
    taking_part = [one for one in contenders if "drain" in one.measures]
    return [
        *(Case(ONE.name, one.about.name, lambda one=one: _alone(one, plan)) for one in taking_part),
        *(Case(TWO.name, one.about.name, lambda one=one: _pair(one, plan)) for one in taking_part),
        case(lapinq, plan, THREADS, Load("nothing_plain", kind="threads")),
        case(lapinq, plan, CHILDREN, Load("nothing_plain", kind="processes")),
    ]


def case(contender: Contender, plan: Plan, metric: Metric, load: Load) -> Case:
    """The drain of `load` by one process."""

    def run() -> list[Reading]:
        return [Reading(metric, contender.about.name, drained(contender, plan, load).rate)]

    return Case(metric.name, contender.about.name, run)


def _alone(contender: Contender, plan: Plan) -> list[Reading]:
    found = drained(contender, plan, Load())
    values = [
        (ONE, found.rate),
        (BULK if "single" in contender.measures else None, found.filled),
        (WAL, found.wal),
        (WAL_OF_RUN, found.wal_of_run),
        (START, found.start),
    ]
    return [Reading(metric, contender.about.name, value) for metric, value in values if metric and value]


def _pair(contender: Contender, plan: Plan) -> list[Reading]:
    return [Reading(TWO, contender.about.name, drained(contender, plan, Load(), workers=2).rate)]


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
        store.checkpoint()
        wal = [store.wal_bytes()]
        filled = contender.produce(database, load.verb, load.function, tasks, plan.batch, limit=plan.limit)
        wal.append(store.wal_bytes())
        store.vacuum()
        wal.append(store.wal_bytes())
        directories = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(workers)]
        stack.enter_context(during(database))
        started = time.time()
        children = [stack.enter_context(contender.worker(database, load.kind, one)) for one in directories]
        begun, before = _wait_for_all(directories, children, started + plan.limit)
        runs = tasks * load.runs_of_a_task
        progress = wait_for_the_end(directories, children, store, tasks, load, started + plan.limit)
        seconds = time.time() - begun
        wal.append(store.wal_bytes())
    if (runs - before) < runs / 4:
        raise BenchError(f"{before} of {runs} tasks had run before every worker got one: take more --tasks")
    filling, running = (wal[1] - wal[0]) / tasks, (wal[3] - wal[2]) / tasks
    return Drained(
        rate=(runs - before) / seconds,
        filled=filled.rate,
        start=begun - started,
        wal=filling + running,
        wal_of_run=running,
        fifths=_fifths(progress),
    )


def wait_for_the_end(
    directories: Sequence[Path],
    workers: Sequence[Child],
    store: Store,
    tasks: int,
    load: Load,
    give_up: float,
) -> list[tuple[float, int]]:
    """Returns once `tasks` tasks have run, as often as they should, and have ended as they should.

    Answers how many had run at which times.
    """
    progress: list[tuple[float, int]] = []
    while not progress or progress[-1][1] < tasks * load.runs_of_a_task:
        _still_going(workers, give_up, "not all tasks ran in time")
        progress.append((time.time(), sum(marks.runs(one).count for one in directories)))
    while not store.is_drained(tasks, failed=load.fails):
        _still_going(workers, give_up, "all tasks ran, but not all ended in time")
    return progress


def wait_for_more(directory: Path, worker: Child, runs: int, give_up: float) -> float:
    """When more than `runs` tasks had run."""
    while marks.runs(directory).count <= runs:
        _still_going([worker], give_up, "no task ran in time")
    return time.time()


def _fifths(progress: Sequence[tuple[float, int]]) -> list[float]:
    first, last = progress[0], progress[-1]
    steps = [first[1] + (last[1] - first[1]) * step / FIFTHS for step in range(FIFTHS + 1)]
    ends = [next(one for one in progress if one[1] >= step) for step in steps]
    return [
        (after[1] - before[1]) / (after[0] - before[0])
        for before, after in pairwise(ends)
        if after[0] > before[0]
    ]


def _wait_for_all(directories: Sequence[Path], workers: Sequence[Child], give_up: float) -> tuple[float, int]:
    """When each of the workers had begun, and how many tasks had run by then."""
    while True:
        now = time.time()
        found = [marks.runs(one) for one in directories]
        begun = [one.first for one in found if one.first]
        if len(begun) == len(directories):
            return (begun[0], 0) if len(begun) == 1 else (now, sum(one.count for one in found))
        _still_going(workers, give_up, "not every worker got a task in time")


def _still_going(workers: Sequence[Child], give_up: float, complaint: str) -> None:
    if time.time() > give_up:
        raise BenchError(f"{complaint}: {workers[-1].tail()}")
    for worker in workers:
        worker.check_alive()
    time.sleep(SAMPLE_SECONDS)

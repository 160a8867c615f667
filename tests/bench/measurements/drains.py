"""What is drained: by all empty tasks, a mix, and beside burdens; by lapinq other loads, limits and many queues."""

import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import msgspec
import psycopg
from psycopg import IsolationLevel

from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_producer import MANY_QUEUES
from tests.bench.contenders.pacing import MIX_FAILS_EACH
from tests.bench.measurements.case import Case, Field, reading, working
from tests.bench.measurements.drain import Drained, Load, drained, wait_for_the_end
from tests.bench.run.figures import Reading
from tests.bench.run.plan import Plan

RUNS_AT_MOST = 2
"""Of what takes long."""
PER_KEY = 3
BLOCKED_KEYS = 1_000
EMPTY = Load()
_WARM_UP = 1_000

_LOADS = {
    "drain, with the default log": Load(kind="default log"),
    "drain, plain functions in threads": Load("nothing_plain", kind="threads"),
    "drain, plain functions in child processes": Load("nothing_plain", kind="processes"),
}
_OTHER_LOADS = {
    "drain of failures": Load("fail", fails=True, share=0.4),
    "drain of failures and their retries": Load("fail_once", fails_once_each=1, share=0.3),
    "drain, 10 kB of arguments": Load("nothing_with", share=0.2),
    "drain of a hundred queues": Load("of a hundred queues", share=0.5),
}
_MIX = Load("mix", fails_once_each=MIX_FAILS_EACH, share=0.2)
_FULL_MIX = msgspec.structs.replace(_MIX, function="full_mix")

_BREAKER = """
UPDATE lapinq_queues SET has_breaker = true;
INSERT INTO lapinq_circuit_breakers (queue_name, failures_in_row, window_seconds, least_attempts, retry_after_seconds,
                                     since, since_seq)
VALUES ('default', 10, 60, 20, 30, lapinq_now(), 0)
"""
_PER_KEY = f"UPDATE lapinq_queues SET max_running_per_key = {PER_KEY}"
_MIX_POLICIES = f"""
INSERT INTO lapinq_queues (name, rate, max_running_per_key)
VALUES ('queue 1', '{{"limit": 1000000, "period_seconds": 1, "burst": 1000000}}', NULL), ('queue 2', NULL, {PER_KEY})
"""
_BLOCKED = "drain of 10,000 keys behind a million tasks of blocked ones"
# name: what fills the queue, what the queue gets, what is special about the tasks if their enqueueing is told
_LIMITS = {
    "drain of a queue without a policy": ("numbered", "", "without a key"),
    # More than a worker holds: this measures the cost of the limit.
    "drain of a queue with max_running": ("numbered", "UPDATE lapinq_queues SET max_running = 100000", ""),
    "drain of a queue with a circuit breaker": ("numbered", _BREAKER, ""),
    "drain of 10,000 keys, at most 3 of each running": ("keyed", _PER_KEY, "with a key"),
    _BLOCKED: ("keyed", _PER_KEY, ""),
    "drain of 10,000 keys in fair order": ("keyed", "UPDATE lapinq_queues SET start_order = 'fair'", ""),
    "drain of tasks with a unique key": ("unique", "", "with a unique key"),
}

_MANY_QUEUES = {
    "drain of 10,000 tasks in one queue": "nothing",
    "drain of 10,000 tasks in ten of 10,000 queues": "of ten queues",
    "drain of 10,000 tasks, one in each of 10,000 queues": "of many queues",
}
_ADD_QUEUES = """
WITH added AS (
    INSERT INTO lapinq_queues (name) SELECT 'queue ' || n FROM generate_series(0, %s - 1) AS n RETURNING name
)
INSERT INTO lapinq_counts (queue_name) SELECT name FROM added
"""

Told = list[tuple[str, str, float]]
"""Names, units and values."""


def drain_cases(field: Field) -> list[Case]:
    """One and two processes of all; of lapinq also with the default log, and plain functions."""
    plan, drains = field.plan, field.taking_part("drain")
    return [
        *(_case(each, plan, "drain, one process", tell=_everything(each)) for each in drains),
        *(_case(each, plan, "drain, two processes", workers=2) for each in drains),
        *(_case(field.lapinq, plan, name, load) for name, load in _LOADS.items()),
    ]


def load_cases(field: Field) -> list[Case]:
    """Of lapinq: other tasks than empty ones that end well, and tasks that arrive meanwhile."""
    together = Case("producer and worker together", field.lapinq, lambda: _together(field.lapinq, field.plan))
    return [*(_case(field.lapinq, field.plan, name, load) for name, load in _OTHER_LOADS.items()), together]


def mix_cases(field: Field) -> list[Case]:
    """Tasks of a usual size that wait for something. Of lapinq also with a rate, keys and progress."""

    def case(contender: Contender, name: str, load: Load, **how: Any) -> Case:
        def tell(found: Drained) -> Told:
            costs = (("worker", found.worker), ("database", found.database))
            return [
                (name, "tasks/s", found.rate),
                *((f"{name}, processor time of the {of} per task", "µs", cost) for of, cost in costs if cost),
            ]

        return _case(contender, field.plan, name, load, tell=tell, **how)

    def set_policies(conn: psycopg.Connection) -> None:
        conn.execute(_MIX_POLICIES.encode())

    full = "mix with a rate, keys and progress"
    return [
        *(case(each, "mix", _MIX) for each in field.taking_part("mix")),
        case(field.lapinq, full, _FULL_MIX, beforehand=set_policies),
    ]


def limit_cases(field: Field) -> list[Case]:
    """Of lapinq: all fill the queue with as many tasks, so that rates of enqueueing compare too."""

    def case(name: str, function: str, policy: str, special: str) -> Case:
        def prepare(conn: psycopg.Connection) -> None:
            conn.execute("INSERT INTO lapinq_queues (name) VALUES ('default')")
            conn.execute(policy.encode())
            if name == _BLOCKED:
                lapinq_refill.add_blocked(conn, "default", field.plan.backlog, BLOCKED_KEYS, PER_KEY)

        def tell(found: Drained) -> Told:
            filled = (f"bulk enqueue {special}, 1,000 a call", "tasks/s", found.filled)
            return [(name, "tasks/s", found.rate), *([filled] if special else [])]

        return _case(field.lapinq, field.plan, name, Load(function), tell=tell, beforehand=prepare)

    return [case(name, *row) for name, row in _LIMITS.items()]


def queue_cases(field: Field) -> list[Case]:
    """Of lapinq: as many tasks each, by a worker that serves all queues."""
    plan = msgspec.structs.replace(field.plan, tasks=min(field.plan.tasks, MANY_QUEUES))

    def add_queues(conn: psycopg.Connection) -> None:
        conn.execute(_ADD_QUEUES, (MANY_QUEUES,))

    return [
        _case(field.lapinq, plan, name, Load(each), beforehand=None if each == "nothing" else add_queues)
        for name, each in _MANY_QUEUES.items()
    ]


def backlog_cases(field: Field) -> list[Case]:
    """Whether a long queue slows another. Of lapinq, and of others that serve one queue of several from the same table.

    The second queue is filled in the database, for what counts is that it is long.
    """

    def case(contender: Contender, waiting: int) -> Case:
        def fill(conn: psycopg.Connection) -> None:
            if contender.add_waiting:
                contender.add_waiting(conn, waiting)

        name = f"drain of one queue, {f'{waiting:,} tasks' if waiting else 'nothing'} in another"
        load = Load(kind="one queue")
        return _case(contender, field.plan, name, load, runs_at_most=RUNS_AT_MOST, beforehand=fill)

    return [case(one, waiting) for waiting in (0, field.plan.backlog) for one in field.taking_part("backlog")]


def snapshot_cases(field: Field) -> list[Case]:
    """Of all whose long runs are worth the time. `held.py` does it to lapinq for longer, and on a standby."""
    plan = msgspec.structs.replace(field.plan, tasks=field.plan.snapshot_tasks)
    name = "drain under a held snapshot"

    def tell(found: Drained) -> Told:
        return [
            (f"{name}, {which} fifth", "tasks/s", found.fifths[at])
            for which, at in (("first", 0), ("last", -1))
        ]

    return [
        _case(one, plan, name, tell=tell, runs_at_most=RUNS_AT_MOST, during=held_snapshot)
        for one in field.taking_part("snapshot")
    ]


@contextmanager
def held_snapshot(database: str) -> Generator[None]:
    """A transaction that sees the database as it is now, until the context ends: nothing used up can be removed."""
    with psycopg.connect(database) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.execute("SELECT count(*) FROM pg_class")
        yield


def _case(
    contender: Contender,
    plan: Plan,
    name: str,
    load: Load = EMPTY,
    *,
    tell: Callable[[Drained], Told] | None = None,
    runs_at_most: int | None = None,
    **how: Any,
) -> Case:
    """`tell` says what to report of it, else it is the rate; `how` is for `drained`."""
    unit = "attempts/s" if load.fails_once_each == 1 else "tasks/s"

    def run() -> list[Reading]:
        found = drained(contender, plan, load, **how)
        told = tell(found) if tell else [(name, unit, found.rate)]
        return [reading(contender, *one) for one in told]

    return Case(name, contender, run, runs_at_most)


def _everything(contender: Contender) -> Callable[[Drained], Told]:
    def tell(found: Drained) -> Told:
        told = [
            ("drain, one process", "tasks/s", found.rate),
            ("bulk enqueue, 1,000 a call", "tasks/s", found.filled if "single" in contender.measures else 0),
            ("WAL per task, enqueued and run", "bytes", found.wal),
            ("WAL per task, run", "bytes", found.wal_of_run),
            ("start of a worker until its first task", "s", found.start),
        ]
        return [one for one in told if one[2]]

    return tell


def _together(lapinq: Contender, plan: Plan) -> list[Reading]:
    """From the first task that a producer's call brought until the last one ended, with a worker that is warm."""
    with ExitStack() as stack:
        database = stack.enter_context(lapinq.fresh_database())
        store = stack.enter_context(lapinq.opened(database))
        store.prepare("CHECKPOINT")
        worker = stack.enter_context(working(lapinq, database, "coroutines"))

        def produce(tasks: int) -> None:
            lapinq.produce(database, "bulk", "nothing", tasks, plan.batch, limit=plan.limit)

        produce(_WARM_UP)
        wait_for_the_end([worker], store, _WARM_UP, EMPTY, plan.limit)
        with ThreadPoolExecutor(1) as pool:
            producing = pool.submit(produce, plan.tasks)
            worker.child.wait_until(lambda: worker.runs().count > _WARM_UP, plan.limit, "no task ran")
            begun = time.time()
            wait_for_the_end([worker], store, _WARM_UP + plan.tasks, EMPTY, plan.limit)
            seconds = time.time() - begun
            producing.result()
    return [reading(lapinq, "producer and worker together", "tasks/s", plan.tasks / seconds)]

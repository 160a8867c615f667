"""Drains of a queue with a policy or a breaker, and of tasks with keys, beside a queue without any. Of lapinq alone.

All fill the queue with as many tasks, so that rates of enqueueing compare too.
"""

from collections.abc import Callable, Sequence

import msgspec
import psycopg

from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements.drain import Load, drained
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan

PLAIN = Metric("drain of a queue without a policy", "tasks/s", "more")
LIMITED = Metric("drain of a queue with max_running", "tasks/s", "more")
BREAKER = Metric("drain of a queue with a circuit breaker", "tasks/s", "more")
KEYED = Metric("drain of 10,000 keys, at most 3 of each running", "tasks/s", "more")
FAIR = Metric("drain of 10,000 keys in fair order", "tasks/s", "more")
BLOCKED = Metric("drain of 10,000 keys behind a million tasks of blocked ones", "tasks/s", "more")
UNIQUE = Metric("drain of tasks with a unique key", "tasks/s", "more")
BULK = Metric("bulk enqueue without a key, 1,000 a call", "tasks/s", "more")
KEYED_BULK = Metric("bulk enqueue with a key, 1,000 a call", "tasks/s", "more")
UNIQUE_BULK = Metric("bulk enqueue with a unique key, 1,000 a call", "tasks/s", "more")

PER_KEY = 3
LIMIT = 100_000
"""More than a worker holds: this measures the cost of the limit."""
BLOCKED_KEYS = 1_000

_PUT_BREAKER = """
INSERT INTO lapinq_breakers (queue_name, failures_in_row, window_seconds, least_attempts, retry_after_seconds, since,
                             since_seq)
VALUES ('default', 10, 60, 20, 30, lapinq_now(), 0)
"""


class _Kind(msgspec.Struct, frozen=True):
    verb: str = "bulk"
    policy: str | None = None
    has_breaker: bool = False
    filling: Metric | None = None
    """The rate of enqueueing, if it is told."""


_KINDS = {
    PLAIN: _Kind(filling=BULK),
    LIMITED: _Kind(policy=f"max_running = {LIMIT}"),
    BREAKER: _Kind(policy="has_breaker = true", has_breaker=True),
    KEYED: _Kind("bulk-keyed", f"max_running_per_key = {PER_KEY}", filling=KEYED_BULK),
    BLOCKED: _Kind("bulk-keyed", f"max_running_per_key = {PER_KEY}"),
    FAIR: _Kind("bulk-keyed", "start_order = 'fair'"),
    UNIQUE: _Kind("bulk-unique", filling=UNIQUE_BULK),
}


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    return [Case(metric.name, lapinq.about.name, _run(lapinq, plan, metric)) for metric in _KINDS]


def _run(lapinq: Lapinq, plan: Plan, metric: Metric) -> Callable[[], list[Reading]]:
    kind = _KINDS[metric]

    def prepare(conn: psycopg.Connection) -> None:
        conn.execute("INSERT INTO lapinq_queues (name) VALUES ('default')")
        if kind.policy:
            conn.execute(f"UPDATE lapinq_queues SET {kind.policy}".encode())
        if kind.has_breaker:
            conn.execute(_PUT_BREAKER)
        if metric is BLOCKED:
            lapinq_refill.add_blocked(conn, "default", plan.backlog, BLOCKED_KEYS, PER_KEY)

    def run() -> list[Reading]:
        found = drained(lapinq, plan, Load(verb=kind.verb), beforehand=prepare)
        readings = [Reading(metric, lapinq.about.name, found.rate)]
        if kind.filling:
            readings.append(Reading(kind.filling, lapinq.about.name, found.filled))
        return readings

    return run

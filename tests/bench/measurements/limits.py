"""Drains of a queue with a policy, and of tasks with keys. Of lapinq alone."""

from collections.abc import Callable, Sequence

import psycopg

from tests.bench.contenders import lapinq_refill
from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements.drain import Load, drained
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan

LIMITED = Metric("drain of a queue with max_running", "tasks/s", "more")
KEYED = Metric("drain of 10,000 keys, at most 3 of each running", "tasks/s", "more")
FAIR = Metric("drain of 10,000 keys in fair order", "tasks/s", "more")
BLOCKED = Metric("drain of 10,000 keys behind a million tasks of blocked ones", "tasks/s", "more")
BULK = Metric("bulk enqueue with a key, 1,000 a call", "tasks/s", "more")

PER_KEY = 3
LIMIT = 100_000
"""More than a worker holds: this measures the cost of the limit."""
BLOCKED_KEYS = 1_000

_POLICIES = {
    LIMITED: (Load(), f"max_running = {LIMIT}"),
    KEYED: (Load(verb="bulk-keyed", share=0.5), f"max_running_per_key = {PER_KEY}"),
    FAIR: (Load(verb="bulk-keyed", share=0.5), "start_order = 'fair'"),
    BLOCKED: (Load(verb="bulk-keyed", share=0.5), f"max_running_per_key = {PER_KEY}"),
}


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    return [Case(metric.name, lapinq.about.name, _run(lapinq, plan, metric)) for metric in _POLICIES]


def _run(lapinq: Lapinq, plan: Plan, metric: Metric) -> Callable[[], list[Reading]]:
    load, policy = _POLICIES[metric]

    def prepare(conn: psycopg.Connection) -> None:
        conn.execute("INSERT INTO lapinq_queues (name) VALUES ('default')")
        conn.execute(f"UPDATE lapinq_queues SET {policy}".encode())
        if metric is BLOCKED:
            lapinq_refill.add_blocked(conn, "default", plan.backlog, BLOCKED_KEYS, PER_KEY)

    def run() -> list[Reading]:
        found = drained(lapinq, plan, load, beforehand=prepare)
        readings = [Reading(metric, lapinq.about.name, found.rate)]
        if metric is KEYED:
            readings.append(Reading(BULK, lapinq.about.name, found.filled))
        return readings

    return run

"""Drains beside and of many queues, by a worker that serves all of them. Of lapinq alone.

Each drains as many tasks: from one queue, from ten of 10,000 queues, and one from each of 10,000.
"""

from collections.abc import Callable, Sequence

import msgspec
import psycopg

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.contenders.lapinq_producer import MANY_QUEUES
from tests.bench.measurements.drain import Load, drained
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan

ONE = Metric("drain of 10,000 tasks in one queue", "tasks/s", "more")
TEN = Metric("drain of 10,000 tasks in ten of 10,000 queues", "tasks/s", "more")
EACH = Metric("drain of 10,000 tasks, one in each of 10,000 queues", "tasks/s", "more")

_VERBS = {ONE: "bulk", TEN: "bulk-ten-queues", EACH: "bulk-many-queues"}
_ADD_QUEUES = """
WITH added AS (
    INSERT INTO lapinq_queues (name) SELECT 'queue ' || n FROM generate_series(0, %(count)s - 1) AS n RETURNING name
)
INSERT INTO lapinq_counts (queue_name) SELECT name FROM added
"""


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    plan = msgspec.structs.replace(plan, tasks=min(plan.tasks, MANY_QUEUES))
    return [Case(metric.name, lapinq.about.name, _run(lapinq, plan, metric)) for metric in _VERBS]


def _run(lapinq: Lapinq, plan: Plan, metric: Metric) -> Callable[[], list[Reading]]:
    def prepare(conn: psycopg.Connection) -> None:
        if metric is not ONE:
            conn.execute(_ADD_QUEUES, {"count": MANY_QUEUES})

    def run() -> list[Reading]:
        found = drained(lapinq, plan, Load(verb=_VERBS[metric]), beforehand=prepare)
        return [Reading(metric, lapinq.about.name, found.rate)]

    return run

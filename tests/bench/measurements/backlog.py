"""Whether a long queue slows another: the drain of one queue, alone and beside `--backlog` tasks that wait in a second.

The worker serves the first queue only. The second is filled in the database, for what counts is that it is long.
"""

from collections.abc import Sequence

import psycopg

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements import drain
from tests.bench.measurements.refill import add_waiting
from tests.bench.run.figures import Case, Metric
from tests.bench.run.plan import Plan


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq alone."""
    del contenders
    return [_case(lapinq, plan, waiting) for waiting in (0, plan.backlog)]


def _case(lapinq: Lapinq, plan: Plan, waiting: int) -> Case:
    title = f"drain of one queue, {f'{waiting:,} tasks' if waiting else 'nothing'} in another"

    def fill(conn: psycopg.Connection) -> None:
        add_waiting(conn, "long", waiting)

    metric = Metric(title, "tasks/s", "more")
    return Case(
        title, lapinq.name, lambda: drain.drained(lapinq, plan, "one queue", 1, metric, beforehand=fill)
    )

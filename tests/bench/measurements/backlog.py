"""Whether a long queue slows another: the drain of one queue, alone and beside `--backlog` tasks that wait in a second.

The worker serves the first queue only. The second is filled in the database, for what counts is that it is long.
"""

from collections.abc import Sequence

import psycopg

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements import drain
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan

RUNS_AT_MOST = 2


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of lapinq, and of others that serve one queue of several from the same table."""
    del lapinq
    taking_part = [one for one in contenders if "backlog" in one.measures]
    return [_case(one, plan, waiting) for waiting in (0, plan.backlog) for one in taking_part]


def metric(waiting: int) -> Metric:
    """The rate beside `waiting` tasks in another queue."""
    beside = f"{waiting:,} tasks" if waiting else "nothing"
    return Metric(f"drain of one queue, {beside} in another", "tasks/s", "more")


def _case(contender: Contender, plan: Plan, waiting: int) -> Case:
    measured = metric(waiting)

    def fill(conn: psycopg.Connection) -> None:
        contender.add_waiting(conn, waiting)

    def run() -> list[Reading]:
        found = drain.drained(contender, plan, drain.Load(kind="one queue"), beforehand=fill)
        return [Reading(measured, contender.about.name, found.rate)]

    return Case(measured.name, contender.about.name, run, RUNS_AT_MOST)

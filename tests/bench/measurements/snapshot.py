"""A drain while another session holds a snapshot open, so that nothing that was used up can be removed.

Of lapinq and others, by fifths of `--snapshot-tasks` tasks. `held.py` does it to lapinq for longer, and on a standby.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

import psycopg
from msgspec.structs import replace
from psycopg import IsolationLevel

from tests.bench.contenders.contender import Contender
from tests.bench.contenders.lapinq_contender import Lapinq
from tests.bench.measurements.drain import Load, drained
from tests.bench.run.figures import Case, Metric, Reading
from tests.bench.run.plan import Plan

TITLE = "drain under a held snapshot"
FIRST = Metric(f"{TITLE}, first fifth", "tasks/s", "more")
LAST = Metric(f"{TITLE}, last fifth", "tasks/s", "more")
RUNS_AT_MOST = 2


def cases(contenders: Sequence[Contender], lapinq: Lapinq, plan: Plan) -> list[Case]:
    """Of all whose long runs are worth the time."""
    del lapinq
    long = replace(plan, tasks=plan.snapshot_tasks)
    return [_case(one, long) for one in contenders if "snapshot" in one.measures]


def _case(contender: Contender, plan: Plan) -> Case:
    def run() -> list[Reading]:
        fifths = drained(contender, plan, Load(), during=held_snapshot).fifths
        return [
            Reading(FIRST, contender.about.name, fifths[0]),
            Reading(LAST, contender.about.name, fifths[-1]),
        ]

    return Case(TITLE, contender.about.name, run, RUNS_AT_MOST)


@contextmanager
def held_snapshot(database: str) -> Generator[None]:
    """A transaction that sees the database as it is now, until the context ends."""
    with psycopg.connect(database) as conn:
        conn.isolation_level = IsolationLevel.REPEATABLE_READ
        conn.execute("SELECT count(*) FROM pg_class")
        yield

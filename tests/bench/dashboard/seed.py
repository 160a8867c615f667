"""Fills a database as years of use would.

`python -m tests.bench.dashboard.seed URL --finished 10000000 --waiting 1000000`

What stands in a row follows from its number alone, so that batches are made side by side, and another run makes the
same. The rows are made in the database, by `seed.sql`; the trigger of the tests that looks at each move must not be
there.
"""

import sys
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import click
import psycopg

from lapinq_core.db.migrate import migrate
from lapinq_core.db.statements import split
from lapinq_core.domain.error_groups import MAX_GROUPS
from tests.bench.run.facts import machine_facts

CHUNK = 200_000
SIDE_BY_SIDE = 2
WAITING_HOURS = 2
"""What waits was enqueued within this time."""
WEEK = 7 * 86_400_000
FIRST_MONDAY = 4 * 86_400_000
"""In milliseconds, as ids count them."""
WORKERS = 10
RUNNING = 200
RARE_QUEUE = "rare"
"""One task of a hundred thousand is in it; the others are in 19 queues, as many in each."""

SQL = split(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


@click.command()
@click.argument("url")
@click.option("--finished", default=10_000_000, show_default=True)
@click.option("--waiting", default=1_000_000, show_default=True)
@click.option("--running", default=RUNNING, show_default=True)
@click.option("--weeks", default=6, show_default=True, help="Over which the finished ones are spread.")
def main(url: str, finished: int, waiting: int, running: int, weeks: int) -> None:
    """Brings the empty database at URL to the newest schema and fills it."""
    migrate(url)
    sys.stdout.write(f"{machine_facts()}\n")
    begun = time.monotonic()
    seed(url, finished, waiting, running, weeks)
    sys.stdout.write(f"filled and analyzed in {time.monotonic() - begun:.0f} s\n")


def seed(
    url: str,
    finished: int,
    waiting: int,
    running: int = RUNNING,
    weeks: int = 6,
    *,
    only_tasks: bool = False,
    fills_weeks: bool = False,
) -> None:
    """Fills the database at `url`, which has the schema and nothing in it, and vacuums it.

    `only_tasks` leaves out error groups and what charts show, which take most of the time. With `fills_weeks` each
    weekly partition gets as many finished tasks, today's too: PostgreSQL rightly scans one that has only a few rows,
    and plan tests would depend on the day.
    """
    with connect(url) as conn:
        now = begin(conn, weeks)
        run(conn, SQL["workers"])
        if not only_tasks:
            run(conn, SQL["levels"])
            run(conn, SQL["errors"], groups=min(MAX_GROUPS, finished))  # each has failed
    charts = () if only_tasks else ("rollups", "task_rollups")
    base = finished + 1
    fill(
        url,
        [
            *(
                Kind(("made", "tasks", "attempts", "counts", *charts), *share)
                for share in _shares(finished, now, weeks, fills_weeks=fills_weeks)
            ),
            Kind(("made", "tasks", "waiting"), base, waiting, now - WAITING_HOURS * 3_600_000, now),
            Kind(("made", "tasks", "running"), base + waiting, running, now - 600_000, now),
        ],
    )
    finish(url)


class Kind(NamedTuple):
    """What stands in `rows` rows from number `base` on, enqueued between the milliseconds `start` and `end`.

    `statements` are names in `sql`; the first makes the tasks, the others store them. `more` is given to the first.
    """

    statements: tuple[str, ...]
    base: int
    rows: int
    start: int
    end: int
    sql: Mapping[str, str] = SQL
    more: Mapping[str, object] = MappingProxyType({})


def begin(conn: psycopg.Connection, weeks: int) -> int:
    """Adds the partitions of the last weeks. Returns the database's time in milliseconds."""
    for (statement,) in run(conn, SQL["partitions"], weeks=weeks).fetchall():
        conn.execute(statement)
    row = conn.execute("SELECT (extract(epoch FROM now()) * 1000)::bigint").fetchone()
    assert row is not None
    return row[0]


def fill(url: str, kinds: Iterable[Kind]) -> None:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        jobs = [
            pool.submit(_fill, url, kind, first)
            for kind in kinds
            for first in range(kind.base, kind.base + kind.rows, CHUNK)
        ]
        for job in jobs:
            job.result()


def finish(url: str) -> None:
    with connect(url) as conn:
        conn.execute("SELECT setval('lapinq_claim_seq', 100000)")
        conn.execute("VACUUM (ANALYZE)")
        conn.execute("CHECKPOINT")


def run(conn: psycopg.Connection, statement: str, **given: object) -> psycopg.Cursor[Any]:
    return conn.execute(statement.encode(), {"workers": WORKERS, **given})


def connect(url: str) -> psycopg.Connection:
    # Bound by the client: the server takes no parameters in CREATE TABLE AS.
    conn = psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor)
    # What is lost with the machine is made again.
    conn.execute("SET synchronous_commit = off; SET work_mem = '256MB'; SET jit = off; SET timezone = 'UTC'")
    return conn


def _shares(rows: int, now: int, weeks: int, *, fills_weeks: bool) -> list[tuple[int, int, int, int]]:
    """The first number, the rows, the start and the end of each part of the history."""
    if not fills_weeks:
        return [(1, rows, now - weeks * WEEK, now)]
    monday = now - (now - FIRST_MONDAY) % WEEK
    firsts = [1 + rows * n // (weeks + 1) for n in range(weeks + 2)]
    starts = [*(monday - n * WEEK for n in range(weeks, -1, -1)), now]
    return [
        (first, after - first, start, end)
        for (first, after), (start, end) in zip(pairwise(firsts), pairwise(starts), strict=True)
    ]


def _fill(url: str, kind: Kind, first: int) -> None:
    last = min(first + CHUNK, kind.base + kind.rows) - 1
    step = (kind.end - kind.start) / kind.rows
    made, *stores = kind.statements
    with connect(url) as conn, conn.transaction():
        numbers = {"first": first, "last": last, "base": kind.base, "start": kind.start, "step": step}
        run(conn, kind.sql[made], **numbers, **kind.more)
        for name in stores:
            run(conn, kind.sql[name])


if __name__ == "__main__":
    main()

"""Fills a database with the site of an operator, after a week's work: `python -m tests.bench.dashboard.world URL`.

A hundred busy queues and 900 of tenants, whom nobody serves; queues in strict order with 305 and 10,000 blocked keys;
ten thousand customers; errors, policies, limits, circuit breakers, pauses, schedules, workers of two releases,
webhooks, workflows and waits. By default it takes a minute; with `--tasks 10000000`, as on a large site, about half an
hour.
"""

import asyncio
import math
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
import psycopg
from psycopg.conninfo import make_conninfo

from lapinq_api.credentials.passwords import Passwords
from lapinq_core.db.migrate import migrate
from lapinq_core.db.statements import split
from lapinq_core.domain.error_groups import COUNT_SPANS, MAX_SAMPLES, fingerprint_of
from lapinq_core.domain.tasks.diagnostics.traceback_text import own_frame
from lapinq_core.error_groups.shapes import Shape, shape_of
from tests.bench.dashboard import seed
from tests.bench.dashboard.seed import Kind, connect, run

WEEKS = 1
DAY = 86_400_000
DAILY_SHARE = 0.78
"""Of all tasks, enqueued within the last day: of ten million, ninety a second."""
WORDS: dict[str, list[str]] = {
    "areas": [
        "billing",
        "ledger",
        "mail",
        "imports",
        "exports",
        "pictures",
        "video",
        "search",
        "reports",
        "partners",
    ],
    "verbs": ["load", "check", "send", "render", "merge", "sync", "index", "settle", "notify", "prune"],
}
NEWEST_SECONDS = 360
"""For how long tasks are enqueued again to freshen a database: longer than pages look back for rates."""
STEP_SECONDS, MOST_SECONDS = 900, 3 * 3600
STATES = {7: "resolved", 11: "muted", 13: "regressed"}

_SETTLING = (
    *("policies", "breakers", "parked", "limits", "limited", "limited_running", "laned", "lanes"),
    *("workers", "levels", "schedules", "ticks", "webhooks"),
)
"""In this order, once all tasks are there."""
_WORLD = split(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))
_SQL = {**seed.SQL, **_WORLD}


@click.command()
@click.argument("url")
@click.option("--tasks", default=200_000, show_default=True, help="That have ended.")
@click.option("--queues", default=1000, show_default=True, help="A hundred are busy.")
@click.option(
    "--keys", default=10_000, show_default=True, help="Blocked ones of the larger queue in strict order."
)
def main(url: str, tasks: int, queues: int, keys: int) -> None:
    """Brings the empty database at URL to the newest schema and fills it."""
    begun = time.monotonic()
    migrate(url)
    fill(url, tasks, queues, keys)
    sys.stdout.write(f"filled in {time.monotonic() - begun:.0f} s\n")


def fill(url: str, tasks: int, queues: int = 1000, keys: int = 10_000) -> None:
    """Fills the database at `url`, which has the schema and nothing in it."""
    url = _past_triggers(url)
    with connect(url) as conn:
        now = seed.begin(conn, WEEKS)
    tenants = queues - 102
    seed.fill(url, _kinds(now, tasks, tenants))
    with connect(url) as conn:
        for making, *storing in (
            ("blocked", "tasks", "blocking"),
            ("flows", "tasks", "attempts", "counts", "workflows"),
            ("asking", "tasks", "waits"),
        ):
            with conn.transaction():
                _run(conn, making, keys=keys)
                for name in storing:
                    _run(conn, name)
        for name in _SETTLING:
            _run(conn, name)
        _run(conn, "people", password_hash=asyncio.run(Passwords().hash("lapinq")))
        _store_groups(conn)
    seed.finish(url)


def bring_up_to_date(url: str) -> None:
    """Adds to a filled database what it lacks since then: its charts and its newest tasks end now."""
    url = _past_triggers(url)
    with connect(url) as conn:
        while (age := _one(conn, "age")) > 0:
            _run(conn, "later", seconds=min(MOST_SECONDS, STEP_SECONDS * math.ceil(age / STEP_SECONDS)))
        now, tasks, tenants = (_one(conn, name) for name in ("now", "daily", "tenants"))
    rows = max(1, tasks * NEWEST_SECONDS * 1000 // DAY)
    seed.fill(url, [_ended(1, rows, now - NEWEST_SECONDS * 1000, now, tenants, has_charts=False)])
    with connect(url) as conn:
        conn.execute("ANALYZE")


def _kinds(now: int, tasks: int, tenants: int) -> Iterator[Kind]:
    today = round(tasks * DAILY_SHARE)
    before = tasks - today
    yield _ended(1, before, now - 7 * DAY, now - DAY, tenants)
    yield _ended(before + 1, today, now - DAY, now, tenants)
    base = tasks + 1
    for storing, rows, start, end, quiet, strict in (
        ("waiting", max(10_000, tasks // 50), now - DAY // 12, now, 0, 2),
        ("waiting", 3 * tenants, now - 6 * DAY, now - DAY, 100, 0),
        ("running", 1400, now - 600_000, now, 0, 0),
        ("running", 40, now - DAY, now - DAY // 8, 0, 0),  # which their workers seem to have forgotten
    ):
        shares = {**WORDS, "tenants": tenants, "quiet": quiet, "strict": strict}
        yield Kind(("made", "tasks", storing), base, rows, start, end, _SQL, shares)
        base += rows


def _ended(base: int, rows: int, start: int, end: int, tenants: int, *, has_charts: bool = True) -> Kind:
    charts = ("rollups", "task_rollups") if has_charts else ()
    shares = {**WORDS, "tenants": tenants, "quiet": 2, "strict": 2}
    return Kind(("made", "tasks", "attempts", "counts", *charts), base, rows, start, end, _SQL, shares)


class _Failed(NamedTuple):
    queue: str
    task_name: str
    error: str
    since: datetime
    failed: int
    task_id: str
    traceback: str | None

    @property
    def shape(self) -> Shape:
        return shape_of(self.error, self.traceback)


def _store_groups(conn: psycopg.Connection) -> None:
    """The groups of the errors that are stored, as workers would have counted them."""
    groups = defaultdict[tuple[str, str, str], list[_Failed]](list)
    for row in _run(conn, "failures"):
        one = _Failed(*row)
        groups[one.queue, one.task_name, one.shape.text].append(one)
    counts: list[tuple[int, int, datetime, int]] = []
    for number, (group, ones) in enumerate(sorted(groups.items())):
        group_id = _run(conn, "group", **_row(number, group, ones)).fetchone()
        assert group_id is not None
        counts.extend((group_id[0], *count) for count in _counts(ones))
    with conn.cursor().copy(
        "COPY lapinq_error_counts (group_id, span, since, failed, retried) FROM STDIN"
    ) as copy:
        for *place, failed in counts:
            copy.write_row((*place, failed, 3 * failed))


def _row(number: int, group: tuple[str, str, str], ones: list[_Failed]) -> dict[str, Any]:
    queue, task_name, _ = group
    newest = sorted(ones, key=lambda one: one.since, reverse=True)
    last = newest[0]
    failed = sum(one.failed for one in ones)
    return {
        "fingerprint": fingerprint_of(*group),
        "queue_name": queue,
        "task_name": task_name,
        "kind": last.shape.kind,
        "place": last.shape.place,
        "state": next((state for every, state in STATES.items() if number % every == 1), "open"),
        "first_at": newest[-1].since,
        "last_at": last.since + timedelta(minutes=4),
        "failed": failed,
        "retried": 3 * failed,
        "sample_task": last.task_id,
        "sample_error": last.error,
        "sample_frame": own_frame(last.traceback or ""),
        "samples": list(dict.fromkeys(one.error for one in newest))[:MAX_SAMPLES],
    }


def _counts(ones: Iterable[_Failed]) -> list[tuple[int, datetime, int]]:
    """By span and time."""
    sums = Counter[tuple[int, datetime]]()
    for one in ones:
        for span in COUNT_SPANS:
            at = datetime.fromtimestamp(one.since.timestamp() // span * span, one.since.tzinfo)
            sums[span, at] += one.failed
    return [(span, at, failed) for (span, at), failed in sums.items()]


def _run(conn: psycopg.Connection, name: str, **given: object) -> psycopg.Cursor[Any]:
    return run(conn, _SQL[name], **WORDS, **given)


def _one(conn: psycopg.Connection, name: str) -> Any:
    row = _run(conn, name).fetchone()
    assert row is not None
    return row[0]


def _past_triggers(url: str) -> str:
    """The tasks of workflows are stored with what became of them, of which triggers would tell again."""
    return make_conninfo(url, options="-c session_replication_role=replica")


if __name__ == "__main__":
    main()

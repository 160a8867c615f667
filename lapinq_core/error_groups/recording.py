"""Counts failed and retried attempts in the groups of their errors.

Workers gather failures and write them now and then, as sums; a group outlives the tasks it counted.
"""

import time
from collections.abc import Iterable, Sequence

import msgspec
import psycopg

from lapinq_core.alerts.outbox import store_news
from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.alerts.news import MAX_ERROR, NewError, RegressedError
from lapinq_core.domain.error_groups import (
    COUNT_SPANS,
    CROWD_SECONDS,
    MAX_GROUPS_OF_TASK,
    MAX_SAMPLES,
    OTHER_KIND,
    fingerprint_of,
)
from lapinq_core.domain.tasks.diagnostics.traceback_text import own_frame
from lapinq_core.error_groups.shapes import Shape
from lapinq_core.tasks.filters import first_line

sql = sql_of(__name__)

MAX_FRAMES = 100
"""Groups of a statement whose traceback is read: that takes a few hundredths of a millisecond each."""


class Failures(msgspec.Struct, kw_only=True):
    """Failures of one group: how many attempts `failed` for good and were `retried`, between `first` and `last`, by
    `time.monotonic`. The newest of them is the sample; it has no `task_id` if the task was not stored. `samples` are
    first lines that differ, the newest first."""

    queue_name: str
    task_name: str
    shape: Shape
    failed: int = 0
    retried: int = 0
    first: float
    last: float = 0.0
    task_id: str | None = None
    error: str = ""
    traceback: str | None = None
    samples: list[str] = []

    def __post_init__(self) -> None:
        self.samples = self.samples or [first_line(self.error)]

    def add(self, other: "Failures") -> None:
        """Adds `other`, of the same group."""
        self.failed += other.failed
        self.retried += other.retried
        self.first = min(self.first, other.first)
        newer, older = (other, self) if other.last >= self.last else (self, other)
        self.samples = list(dict.fromkeys([*newer.samples, *older.samples]))[:MAX_SAMPLES]
        self.last, self.task_id, self.error = newer.last, newer.task_id, newer.error
        self.traceback = newer.traceback


def grouped(failures: Iterable[Failures]) -> list[Failures]:
    """As `record` takes them: one for each group."""
    found: dict[tuple[str, str, str], Failures] = {}
    for each in failures:
        key = each.queue_name, each.task_name, each.shape.text
        if key in found:
            found[key].add(each)
        else:
            found[key] = each
    return list(found.values())


async def record(
    conn: psycopg.AsyncConnection,
    failures: Sequence[Failures],
    *,
    worker: str | None = None,
    release: str | None = None,
) -> list[NewError | RegressedError]:
    """Counts `failures`, at most one for each group: all of them or none. Also stores and returns the news."""
    if not failures:
        return []
    now = time.monotonic()
    rows = [_row(each, now, reads=place < MAX_FRAMES) for place, each in enumerate(failures)]
    params = {
        "groups": msgspec.json.encode(rows).decode(),
        "spans": list(COUNT_SPANS),
        "most": MAX_GROUPS_OF_TASK,
        "recent": CROWD_SECONDS,
        "other_kind": OTHER_KIND,
        "worker": worker,
        "release": release,
    }
    async with conn.transaction():
        changed = await all_rows(conn, sql("record_errors"), params, prepare=True)
        news = [_news(*row) for row in changed]
        await store_news(conn, news)
    return news


def _news(
    is_new: bool, group_id: int, queue: str, task_name: str, kind: str, error: str
) -> NewError | RegressedError:
    return (NewError if is_new else RegressedError)(
        group_id=group_id,
        queue_name=queue,
        task_name=task_name,
        kind=kind,
        error=first_line(error)[:MAX_ERROR],
    )


def _row(failures: Failures, now: float, *, reads: bool) -> dict[str, object]:
    queue, task_name, shape = failures.queue_name, failures.task_name, failures.shape
    return {
        "fingerprint": fingerprint_of(queue, task_name, shape.text),
        "former": fingerprint_of(queue, task_name, shape.former),
        "other": fingerprint_of(queue, task_name, OTHER_KIND),
        "queue_name": queue,
        "task_name": task_name,
        "kind": shape.kind,
        "place": shape.place,
        "failed": failures.failed,
        "retried": failures.retried,
        "first_ago": max(0.0, now - failures.first),
        "last_ago": max(0.0, now - failures.last),
        "sample_task": failures.task_id,
        "sample_error": failures.error,
        "sample_frame": own_frame(failures.traceback) if reads and failures.traceback else None,
        "samples": failures.samples,
    }

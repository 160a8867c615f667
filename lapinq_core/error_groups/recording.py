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
from lapinq_core.domain.error_groups import COUNT_SPANS, fingerprint_of
from lapinq_core.domain.tasks.traceback_text import own_frame
from lapinq_core.tasks.filters import first_line

sql = sql_of(__name__)

MAX_FRAMES = 100
"""Groups of a statement whose traceback is read: that takes a few hundredths of a millisecond each."""


class Failures(msgspec.Struct, kw_only=True):
    """Failures of one group: how many attempts `failed` for good and were `retried`, between `first` and `last`, by
    `time.monotonic`. The newest of them is the sample; it has no `task_id` if the task was not stored."""

    queue_name: str
    task_name: str
    kind: str
    failed: int = 0
    retried: int = 0
    first: float
    last: float = 0.0
    task_id: str | None = None
    error: str = ""
    traceback: str | None = None

    def add(self, other: "Failures") -> None:
        """Adds `other`, of the same group."""
        self.failed += other.failed
        self.retried += other.retried
        self.first = min(self.first, other.first)
        if other.last >= self.last:
            self.last, self.task_id, self.error = other.last, other.task_id, other.error
            self.traceback = other.traceback


def grouped(failures: Iterable[Failures]) -> list[Failures]:
    """As `record` takes them: one for each group."""
    found: dict[tuple[str, str, str], Failures] = {}
    for each in failures:
        key = each.queue_name, each.task_name, each.kind
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
    return {
        "fingerprint": fingerprint_of(failures.queue_name, failures.task_name, failures.kind),
        "queue_name": failures.queue_name,
        "task_name": failures.task_name,
        "kind": failures.kind,
        "failed": failures.failed,
        "retried": failures.retried,
        "first_ago": max(0.0, now - failures.first),
        "last_ago": max(0.0, now - failures.last),
        "sample_task": failures.task_id,
        "sample_error": failures.error,
        "sample_frame": own_frame(failures.traceback) if reads and failures.traceback else None,
    }

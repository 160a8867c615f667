"""The last good run before one that failed: what it was given, and what ran it."""

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup import task_detail
from lapinq_core.lookup.search.search import Search, search
from lapinq_core.lookup.task_detail import TaskDetail

sql = sql_of(__name__)

SCAN_SECONDS = 0.02


class GoodRun(msgspec.Struct, frozen=True, kw_only=True):
    """A task that completed. `release` is its worker's, `failed_release` that of the failed task's worker; None if the
    worker names none or has been deleted."""

    task: TaskDetail
    release: str | None
    failed_release: str | None


async def find_good_run(conn: psycopg.AsyncConnection, failed: TaskDetail) -> GoodRun | None:
    """The newest completed task of the same name and queue that was enqueued before `failed`.

    None if a short scan finds none. `conn` is in no transaction.
    """
    chosen = Search(queue=failed.queue_name, name=failed.task_name, status=Status.COMPLETED, before=failed.id)
    found = await search(conn, chosen, 1, seconds=SCAN_SECONDS)
    task = await task_detail.get(conn, found.tasks[0].id) if found.tasks else None
    if task is None:
        return None
    workers = [one for one in (task.worker_id, failed.worker_id) if one is not None]
    releases: dict[str, str | None] = dict(
        await all_rows(conn, sql("releases"), {"ids": workers}, prepare=True)
    )
    return GoodRun(
        task=task,
        release=releases.get(task.worker_id or ""),
        failed_release=releases.get(failed.worker_id or ""),
    )

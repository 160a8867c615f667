"""Lists whole tasks, newest first, as the API shows them.

A filter without an index is answered by a scan, which stops when its time is up: a page may be short or even empty and
still have a next one.
"""

from functools import partial

import msgspec
import psycopg

from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.lookup.search.backward_scan import BackwardScan
from lapinq_core.lookup.search.search import INITIAL_WINDOW, run_scan
from lapinq_core.tasks import inspect
from lapinq_core.tasks.filters import TaskFilter, is_void

LIST_SECONDS = 3.0
"""How long a list scans. It leaves time to load the page within the budget of a scan."""


async def list_tasks(
    conn: psycopg.AsyncConnection,
    chosen: TaskFilter,
    limit: int,
    *,
    seconds: float = LIST_SECONDS,
    window: int = INITIAL_WINDOW,
    max_bytes: int = inspect.MAX_PAGE_BYTES,
) -> tuple[list[str], str | None]:
    """At most `limit` matching tasks as JSON objects, and the id to continue from, or None at the end.

    `conn` is in no transaction. Raises `DatabaseUnavailable` if the time was too short to scan anything.
    """
    if is_void(chosen):
        return [], None
    if _has_index(chosen):
        return await inspect.list_tasks(conn, chosen, limit, max_bytes)
    scan = BackwardScan(chosen, limit + 1, limit + 1, window, seconds)
    objects, last = await run_scan(conn, scan, limit, partial(inspect.list_these, max_bytes=max_bytes))
    if last is not None:  # the page is full of bytes
        return objects, last
    if scan.matched > limit:
        return objects, scan.ids[limit - 1]
    if scan.is_over:
        return objects, None
    if scan.before == chosen.before:
        raise DatabaseUnavailable("no task was scanned in time")
    return objects, scan.before


def _has_index(chosen: TaskFilter) -> bool:
    return msgspec.structs.replace(chosen, status=None, before=None, first=None, last=None) == TaskFilter()

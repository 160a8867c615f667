"""Why tasks fail: failed tasks grouped by queue, name and kind of error, the newest first, as far as time allows.

Two errors are of one kind if their first lines differ only in numbers, ids and quoted parts (`filters.kind_of`). The
same rule decides which tasks a group shows, here in Python, and which tasks a requeue of it moves, in the database.
"""

from datetime import datetime

import msgspec
import psycopg
from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.db.statements import sql
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.backward_scan import SETTINGS, Clock, set_limit
from lapinq_core.tasks.filters import FIRST_LINE, TaskFilter, kind_of, pattern_of

_PACKAGE = "lapinq_core.lookup"

GROUPS_SECONDS = 0.03
INITIAL_WINDOW = 500
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


_Key = tuple[str, str, str]
"""Queue, task name and kind of error."""


class FailedGroup(msgspec.Struct, kw_only=True):
    """Failed tasks of one queue, name and kind of error, in which `*` stands for the parts that differ.

    `newest` is the id of one of them. `pattern` is an ILIKE pattern that all of their errors match, and perhaps other
    errors too; `as_filter` matches exactly them.
    """

    queue_name: str
    task_name: str
    kind: str
    pattern: str
    count: int
    first_at: datetime
    last_at: datetime
    newest: str


class FailedGroups(msgspec.Struct, frozen=True, kw_only=True):
    """The largest groups first, equal ones by the newest; `left_out` more were found.

    They come from the newest `looked_at` failed tasks, before the filter. `is_all` says that there are no others.
    """

    groups: list[FailedGroup]
    left_out: int
    looked_at: int
    is_all: bool


def as_filter(queue: str, task_name: str, kind: str) -> TaskFilter:
    """A filter for exactly the tasks of a group, including those not scanned."""
    return TaskFilter(
        status=Status.FAILED, queue=queue, name=task_name, error=pattern_of(kind), error_kind=kind
    )


async def groups(
    conn: psycopg.AsyncConnection,
    queue: str | None = None,
    task_name: str | None = None,
    most: int = 50,
    *,
    seconds: float = GROUPS_SECONDS,
    window: int = INITIAL_WINDOW,
) -> FailedGroups:
    """The `most` largest groups of failed tasks: of one queue, of names that match an ILIKE pattern, or of all.

    `conn` is in no transaction. The first batch has `window` tasks.
    """
    found: dict[_Key, FailedGroup] = {}
    clock = Clock(seconds)
    params: dict[str, str | None] = {"queue": queue, "task_name": task_name, "before": _LAST}
    size, looked_at, is_all = window, 0, False
    try:
        async with conn.transaction():
            await conn.execute(SETTINGS)
            while not is_all and (left := clock.left()) > 0:
                await set_limit(conn, left)
                query = psql.SQL(sql(_PACKAGE, "failed_errors")).format(
                    line=psql.SQL(FIRST_LINE), size=psql.Literal(size)
                )
                rows = await (await conn.execute(query, params, prepare=False)).fetchall()
                for queue_name, name, line, failed_at, task_id in rows:
                    if queue_name is not None:
                        _add(found, (queue_name, name, kind_of(line)), failed_at, task_id)
                    else:
                        looked_at += int(line)
                        params["before"] = task_id
                is_all = params["before"] is None
                size = clock.next_size(size, window)
    except pg.QueryCanceled:
        pass
    ordered = sorted(found.values(), key=lambda group: (group.count, group.newest), reverse=True)
    return FailedGroups(
        groups=ordered[:most], left_out=max(len(ordered) - most, 0), looked_at=looked_at, is_all=is_all
    )


def _add(found: dict[_Key, FailedGroup], key: _Key, failed_at: datetime, task_id: str) -> None:
    group = found.get(key)
    if group is None:
        queue, name, kind = key
        found[key] = FailedGroup(
            queue_name=queue,
            task_name=name,
            kind=kind,
            pattern=pattern_of(kind),
            count=1,
            first_at=failed_at,
            last_at=failed_at,
            newest=task_id,
        )
        return
    # They come newest first, by their ids.
    group.count += 1
    group.first_at = min(group.first_at, failed_at)
    group.last_at = max(group.last_at, failed_at)

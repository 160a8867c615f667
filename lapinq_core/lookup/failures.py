"""Why tasks fail: failed ones grouped by queue, name and kind of error, the newest as far as there is time for.

Errors are of one kind when their first lines differ in numbers, ids and quoted parts alone (`filters.kind_of`). What a
group shows and what a requeue of it takes are told apart by the same rule, here in Python and there in the database.
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
FIRST_WINDOW = 500
_LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"


_Key = tuple[str, str, str]
"""Queue, task name and kind of error."""


class FailedGroup(msgspec.Struct, kw_only=True):
    """Failed tasks of a queue, with a name and a kind of error, in which `*` stands for what differs.

    `newest` is the id of one of them. `pattern` is one of ILIKE that the errors of all of them pass, and perhaps of
    others; `as_filter` gives what none but them pass.
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
    """The largest groups first, of equals the newest; `left_out` more were found.

    They were made of the newest `looked_at` failed tasks that there are, of which a filter may have let few pass;
    `is_all` says that there are no others.
    """

    groups: list[FailedGroup]
    left_out: int
    looked_at: int
    is_all: bool


def as_filter(queue: str, task_name: str, kind: str) -> TaskFilter:
    """What the tasks of a group pass, those that were not looked at too, and no others."""
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
    window: int = FIRST_WINDOW,
) -> FailedGroups:
    """The `most` largest groups of what failed, of one queue or with a name like the pattern of ILIKE, or all.

    `conn` is in no transaction. The first window has `window` tasks.
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

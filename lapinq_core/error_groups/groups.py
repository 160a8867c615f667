"""Reads groups of errors. They are few, at most some ten thousand, and know nothing of the tasks but a sample."""

from datetime import datetime
from enum import StrEnum

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.error_groups import GroupState, fingerprint_of
from lapinq_core.domain.queue_filter import QueueFilter
from lapinq_core.tasks.filters import first_line, kind_of

sql = sql_of(__name__)

MAX_LISTED = 100
MAX_ID = 10**18 - 1


class ErrorGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts of one task function in one queue that failed alike.

    `kind` is the first line of the error with `*` in place of numbers, ids and quoted parts. `failed` attempts failed
    for good, `retried` ones were followed by another. The sample is the newest of them; its task may be gone.
    """

    id: int
    queue_name: str
    task_name: str
    kind: str
    state: GroupState
    state_by: str | None
    state_at: datetime | None
    state_reason: str | None
    muted_until: datetime | None
    regressed_at: datetime | None
    first_at: datetime
    last_at: datetime
    failed: int
    retried: int
    sample_task: str | None
    sample_error: str | None
    sample_frame: str | None
    workers: list[str]
    releases: list[str]


class GroupOrder(StrEnum):
    """How a list is sorted; equals by id, the newest first."""

    LAST = "last"
    """When it last failed."""
    FIRST = "first"
    """When it first failed."""
    FAILED = "failed"
    RETRIED = "retried"
    ID = "id"
    """When it was noticed: the only order that stays, in which a list can be read page by page."""


class GroupFilter(QueueFilter, frozen=True, kw_only=True):
    """Which groups a list shows: in one of `states`, of a queue, with `part` in the task name, ignoring case.

    `before` is for lists by id, from the highest.
    """

    states: tuple[GroupState, ...] | None = None
    part: str | None = None
    before: int | None = None


async def list_groups(
    conn: psycopg.AsyncConnection,
    chosen: GroupFilter,
    order: GroupOrder = GroupOrder.ID,
    limit: int = MAX_LISTED,
    *,
    descending: bool = True,
) -> tuple[list[ErrorGroup], int]:
    """The first `limit` groups that match, and how many match in all."""
    params = {
        **msgspec.structs.asdict(chosen),
        "states": None if chosen.states is None else list(chosen.states),
        "order": order,
        "sign": 1 if descending else -1,
        "limit": limit,
    }
    rows = await all_rows(conn, sql("list_groups"), params, prepare=True)
    return await load(conn, [row[0] for row in rows]), rows[0][1] if rows else 0


async def get(conn: psycopg.AsyncConnection, group_id: int) -> ErrorGroup | None:
    """The group; None for an unknown id."""
    return next(iter(await load(conn, [group_id])), None)


async def of_error(
    conn: psycopg.AsyncConnection, queue: str, task_name: str, error: str
) -> ErrorGroup | None:
    """The group of an error, as an attempt stores it; None if it was not counted, or is forgotten."""
    params = {"fingerprint": fingerprint_of(queue, task_name, kind_of(first_line(error)))}
    group_id = await first_value(conn, sql("find_group"), params, prepare=True)
    return None if group_id is None else await get(conn, group_id)


async def count_active(conn: psycopg.AsyncConnection) -> dict[str, int]:
    """How many groups are open or regressed, by queue."""
    return dict(await all_rows(conn, sql("count_active"), prepare=True))


async def count_by_state(conn: psycopg.AsyncConnection, chosen: GroupFilter) -> dict[GroupState, int]:
    """How many groups are in each state, of those that match `chosen` but for their states."""
    params = {"queue": chosen.queue, "queues": chosen.queues, "part": chosen.part}
    rows = await all_rows(conn, sql("count_groups"), params, prepare=True)
    return dict.fromkeys(GroupState, 0) | {GroupState(state): count for state, count in rows}


async def load(conn: psycopg.AsyncConnection, ids: list[int]) -> list[ErrorGroup]:
    """The groups with these ids, in their order, without unknown ones."""
    rows = await all_rows(conn, sql("load_groups"), {"ids": ids}, prepare=True)
    found = {
        row[0]: msgspec.convert(dict(zip(ErrorGroup.__struct_fields__, row, strict=True)), ErrorGroup)
        for row in rows
    }
    return [found[each] for each in ids if each in found]

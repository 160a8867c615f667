"""Reads groups of errors. They are few, at most some ten thousand, and know nothing of the tasks but a sample."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.error_groups import OTHER_KIND, GroupState
from lapinq_core.domain.queue_filter import QueueFilter, Readable, as_list
from lapinq_core.error_groups.shapes import common, folded

sql = sql_of(__name__)

MAX_LISTED = 100
MAX_ID = 10**18 - 1


class ErrorGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Attempts of one task function in one queue that failed alike: with the same type of error, at the same place.

    `kind` is the first line of the error with `*` in place of numbers, ids, quoted parts and the words in which its
    newest `samples`, first lines, differ. `place` is who raised; None if that is unknown. `failed` attempts failed for
    good, `retried` ones were followed by another. The sample is the newest of them; its task may be gone.
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
    place: str | None
    samples: list[str]

    @property
    def type(self) -> str:
        """The type of the exception, or what the error says before its first colon."""
        return self.kind.partition(":")[0]

    @property
    def is_rest(self) -> bool:
        """Whether it is the group of errors that were too many kinds."""
        return self.kind == OTHER_KIND


class Merged(msgspec.Struct, frozen=True):
    """An error that counts in another group than its own. `merged_by` is None if it did so before groups had places."""

    fingerprint: str
    kind: str
    place: str | None
    merged_by: str | None
    merged_at: datetime


class ErrorType(msgspec.Struct, frozen=True):
    """Groups with errors of one type: how many `groups`, task `functions` and `queues`, and what they counted."""

    type: str
    groups: int
    functions: int
    queues: int
    failed: int
    retried: int
    last_at: datetime


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
    """Which groups a list shows: in one of `states`, of a queue, with `part` in the task name, ignoring case, of a
    `type` of error.

    `before` is for lists by id, from the highest.
    """

    states: tuple[GroupState, ...] | None = None
    part: str | None = None
    type: str | None = None
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
        **_params(chosen),
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
    conn: psycopg.AsyncConnection, queue: str, task_name: str, error: str, traceback: str | None = None
) -> ErrorGroup | None:
    """The group of an error, as an attempt stores it; None if it was not counted, or is forgotten."""
    params = {"queue": queue, "task_name": task_name, "error": error, "traceback": traceback}
    group_id = await first_value(conn, sql("find_group"), params, prepare=True)
    return None if group_id is None else await get(conn, group_id)


async def merged_into(conn: psycopg.AsyncConnection, group_id: int) -> list[Merged]:
    """The errors that were merged into a group, the newest first, at most `MAX_LISTED`."""
    params = {"id": group_id, "limit": MAX_LISTED}
    return [Merged(*row) for row in await all_rows(conn, sql("list_merged"), params, prepare=True)]


async def beside(conn: psycopg.AsyncConnection, group: ErrorGroup) -> list[ErrorGroup]:
    """The other groups of its task function and queue, with which it can be merged, those that failed last first."""
    params = {"id": group.id, "queue": group.queue_name, "task_name": group.task_name, "limit": MAX_LISTED}
    rows = await all_rows(conn, sql("find_beside"), params, prepare=True)
    return await load(conn, [row[0] for row in rows])


async def elsewhere(
    conn: psycopg.AsyncConnection, group: ErrorGroup, readable: Readable = None
) -> list[ErrorGroup]:
    """The groups of the same error of the same task function in other queues, those with most failures first."""
    params = {"id": group.id, "queues": as_list(readable), "limit": MAX_LISTED}
    rows = await all_rows(conn, sql("find_elsewhere"), params, prepare=True)
    return await load(conn, [row[0] for row in rows])


async def count_active(conn: psycopg.AsyncConnection) -> dict[str, int]:
    """How many groups are open or regressed, by queue."""
    return dict(await all_rows(conn, sql("count_active"), prepare=True))


async def count_by_state(conn: psycopg.AsyncConnection, chosen: GroupFilter) -> dict[GroupState, int]:
    """How many groups are in each state, of those that match `chosen` but for their states."""
    rows = await all_rows(conn, sql("count_groups"), _params(chosen), prepare=True)
    return dict.fromkeys(GroupState, 0) | {GroupState(state): count for state, count in rows}


async def list_types(conn: psycopg.AsyncConnection, chosen: GroupFilter) -> list[ErrorType]:
    """The types of the errors that match, those that failed last first, at most `MAX_LISTED`."""
    params = {**_params(chosen), "limit": MAX_LISTED}
    return [ErrorType(*row) for row in await all_rows(conn, sql("list_types"), params, prepare=True)]


async def load(conn: psycopg.AsyncConnection, ids: list[int]) -> list[ErrorGroup]:
    """The groups with these ids, in their order, without unknown ones."""
    rows = await all_rows(conn, sql("load_groups"), {"ids": ids}, prepare=True)
    found = {row[0]: _group(row) for row in rows}
    return [found[each] for each in ids if each in found]


def _group(row: Sequence[Any]) -> ErrorGroup:
    group = msgspec.convert(dict(zip(ErrorGroup.__struct_fields__, row, strict=True)), ErrorGroup)
    if group.is_rest:
        return group
    return msgspec.structs.replace(group, kind=common([group.kind, *map(folded, group.samples)]))


def _params(chosen: GroupFilter) -> dict[str, Any]:
    states = None if chosen.states is None else list(chosen.states)
    return {**msgspec.structs.asdict(chosen), "states": states}

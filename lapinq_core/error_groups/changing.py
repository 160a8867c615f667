"""Changes groups of errors: people resolve, mute and reopen them, merge several into one and take that back."""

import psycopg

from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.error_groups import GroupState
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.error_groups import groups
from lapinq_core.error_groups.groups import ErrorGroup
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)


async def resolve(conn: psycopg.AsyncConnection, group_id: int, *, by: Author) -> ErrorGroup | None:
    """Marks it as resolved: when it fails again, it is regressed. Returns the group, None for an unknown id.

    An earlier failure that a worker has counted but not yet written doesn't make it regressed.
    """
    return await _set(conn, group_id, GroupState.RESOLVED, by)


async def mute(
    conn: psycopg.AsyncConnection, group_id: int, seconds: float | None, reason: str | None, *, by: Author
) -> ErrorGroup | None:
    """Mutes it for this many seconds, or permanently. Returns the group, None for an unknown id."""
    return await _set(conn, group_id, GroupState.MUTED, by, seconds, reason)


async def reopen(conn: psycopg.AsyncConnection, group_id: int, *, by: Author) -> ErrorGroup | None:
    """Opens it again. Returns the group, None for an unknown id."""
    return await _set(conn, group_id, GroupState.OPEN, by)


async def merge(conn: psycopg.AsyncConnection, group_id: int, into: int, *, by: Author) -> ErrorGroup | None:
    """Merges a group into another one, which takes over what it counted, and from now on its errors. It is then gone.

    Returns the other group, None if the first doesn't exist. Raises `InvalidValue` if the two can't be merged: both
    belong to one task function in one queue.
    """
    params = {"id": group_id, "into": into, "by": by.actor}
    async with conn.transaction():
        await conn.execute(sql("hold_upkeep"))
        await all_rows(conn, sql("lock_groups"), {"ids": [group_id, into]})
        group, other = await groups.get(conn, group_id), await groups.get(conn, into)
        if group is None:
            return None
        _check_merge(group, other)
        await conn.execute(sql("merge_groups"), params)
        details = {**_details(group), "into": into}
        await audit.record(conn, by.did("error.merge", str(group_id), details))
        return await groups.get(conn, into)


async def split(
    conn: psycopg.AsyncConnection, group_id: int, fingerprint: str, *, by: Author
) -> ErrorGroup | None:
    """Takes an error out of the group into which it was merged: it gets a group of its own, and counts there from now
    on. Returns that, None if the error is not in the group."""
    async with conn.transaction():
        params = {"id": group_id, "fingerprint": fingerprint}
        own = await first_value(conn, sql("split_group"), params)
        found = None if own is None else await groups.get(conn, own)
        if found is not None:
            details = {**_details(found), "from": group_id}
            await audit.record(conn, by.did("error.split", str(found.id), details))
        return found


def _check_merge(group: ErrorGroup, other: ErrorGroup | None) -> None:
    # One sentence for all: a caller limited to queues learns nothing of groups elsewhere.
    if (
        other is None
        or other.id == group.id
        or (other.queue_name, other.task_name) != (group.queue_name, group.task_name)
    ):
        raise InvalidValue("into", "must be the id of another group of the same task function and queue")
    if group.is_rest:
        raise InvalidValue("into", "this group holds what is in no other, and stays: merge the other into it")


def _details(group: ErrorGroup) -> dict[str, object]:
    return {"queue": group.queue_name, "task_name": group.task_name, "kind": group.kind}


_ACTIONS = {
    GroupState.RESOLVED: "error.resolve",
    GroupState.MUTED: "error.mute",
    GroupState.OPEN: "error.reopen",
}


async def _set(
    conn: psycopg.AsyncConnection,
    group_id: int,
    state: GroupState,
    by: Author,
    seconds: float | None = None,
    reason: str | None = None,
) -> ErrorGroup | None:
    params = {"id": group_id, "state": state, "by": by.actor, "seconds": seconds, "reason": reason}
    async with conn.transaction():
        row = await maybe_row(conn, sql("change_group"), params)
        if row is not None:
            queue, task_name, kind = row
            given = {"seconds": seconds, "reason": reason}
            details = {"queue": queue, "task_name": task_name, "kind": kind} | {
                name: value for name, value in given.items() if value is not None
            }
            await audit.record(conn, by.did(_ACTIONS[state], str(group_id), details))
    return await groups.get(conn, group_id)

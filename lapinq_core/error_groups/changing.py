"""Changes the state of a group of errors: people resolve, mute and reopen it."""

import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.error_groups import GroupState
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

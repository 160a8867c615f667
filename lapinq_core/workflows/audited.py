"""What requests do to workflows, with idempotency keys, unique keys of tasks, and audit entries."""

from collections.abc import Sequence
from typing import Any

import psycopg

from lapinq_core.domain.requests.workflows import Member, NewWorkflow, in_request_order
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.idempotency import Earlier, Key, claim_key, take_unique_keys
from lapinq_core.intake.unique_keys import have_unique_keys
from lapinq_core.people import audit
from lapinq_core.people.audit import Author
from lapinq_core.workflows import changing, storing
from lapinq_core.workflows.changing import Retried
from lapinq_core.workflows.reading import Workflow, get_workflow
from lapinq_core.workflows.storing import Rights, UnknownWorkflow


async def store(
    conn: psycopg.AsyncConnection, workflow: NewWorkflow, *, key: Key | None, by: Author | None
) -> tuple[Earlier | None, Taken]:
    """Stores `workflow`, and returns what to announce after the commit.

    If an earlier request had the same `key`, it stores nothing and returns the ids of that: of the workflow, then of
    its tasks in the order of the request. `by` is for the audit log, which names users and not programs. `conn` is in
    autocommit mode. Raises the driver's errors, `KeyHeld`, `UniqueKeyBusy`, and `UniqueConflict` with the number of the
    task in the request.
    """
    async with conn.transaction():
        if earlier := await _begin(conn, workflow.id, workflow.members, key):
            return earlier, Taken()
        taken = await storing.store(conn, workflow)
        if by is not None:
            details = {"name": workflow.name, **_about(workflow.members)}
            await audit.record(conn, by.did("workflow.enqueue", workflow.id, details))
    return None, taken


async def add(
    conn: psycopg.AsyncConnection,
    workflow_id: str,
    members: Sequence[Member],
    rights: Rights | None = None,
    *,
    key: Key | None,
    by: Author | None,
) -> tuple[Earlier | None, Taken]:
    """As `store`, of more tasks of a workflow. Raises also as `storing.add`."""
    async with conn.transaction():
        if earlier := await _begin(conn, workflow_id, members, key):
            return earlier, Taken()
        taken = await storing.add(conn, workflow_id, members, rights)
        if by is not None and members:
            await audit.record(conn, by.did("workflow.add", workflow_id, _about(members)))
    return None, taken


async def close(
    conn: psycopg.AsyncConnection, workflow_id: str, rights: Rights | None, *, by: Author
) -> None:
    """Lets the workflow end once no task is left. `conn` is in autocommit mode. Raises as `storing.lock`."""
    async with conn.transaction():
        found = await _found(conn, workflow_id)
        if found.is_open:
            await changing.close(conn, workflow_id, rights)
            await audit.record(conn, by.did("workflow.close", workflow_id, {"name": found.name}))


async def cancel(
    conn: psycopg.AsyncConnection, workflow_id: str, rights: Rights | None, *, by: Author
) -> int:
    """Cancels what has not ended, and asks workers to stop what runs. Returns how many tasks.

    It takes several transactions, so `conn` is in autocommit mode. The first writes the audit entry, and from then on
    the workflow takes no more tasks. Raises as `storing.lock`.
    """
    found = await _found(conn, workflow_id)
    if found.ended_at is not None:
        return 0
    entry = by.did("workflow.cancel", workflow_id, {"name": found.name, "count": 0})
    async with conn.transaction():
        await storing.lock(conn, workflow_id, rights)
        entry_id = await audit.record(conn, entry)
        count = await changing.cancel_some(conn, workflow_id)
    count += await changing.cancel(conn, workflow_id)
    await audit.amend(conn, entry_id, "count", count)
    return count


async def retry(
    conn: psycopg.AsyncConnection, workflow_id: str, rights: Rights | None, *, by: Author
) -> Retried:
    """As `changing.retry`, with `conn` in autocommit mode."""
    async with conn.transaction():
        retried = await changing.retry(conn, workflow_id, rights, by=by.actor)
        await audit.record(conn, by.did("workflow.retry", workflow_id, {"count": retried.tasks}))
    return retried


async def _begin(
    conn: psycopg.AsyncConnection, workflow_id: str, members: Sequence[Member], key: Key | None
) -> Earlier | None:
    tasks = [member.task for member in in_request_order(members)]
    if key is not None:
        earlier = await claim_key(conn, key, [workflow_id, *(task.id for task in tasks)])
        if earlier is not None:
            return earlier
    if have_unique_keys(tasks):
        await take_unique_keys(conn, tasks)
    return None


async def _found(conn: psycopg.AsyncConnection, workflow_id: str) -> Workflow:
    found = await get_workflow(conn, workflow_id)
    if found is None:
        raise UnknownWorkflow
    return found


def _about(members: Sequence[Member]) -> dict[str, Any]:
    return {"count": len(members), "queues": sorted({member.task.queue_name for member in members})}

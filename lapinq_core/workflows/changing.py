"""Closing, cancelling and retrying workflows."""

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, first_value, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.intake.unique_keys import UniqueConflict
from lapinq_core.workflows.storing import Rights, UnknownWorkflow, WorkflowConflict, lock

sql = sql_of(__name__)

PRUNE_LIMIT = 500
"""Workflows in one pass, fewer if they are large."""
CANCEL_LIMIT = 5_000
"""Tasks in one step."""
_TRIES = 10


class WorkflowCancelled(WorkflowConflict):
    """It can't be retried."""

    def __init__(self) -> None:
        super().__init__("the workflow was cancelled, so it cannot be retried: enqueue it again")


class NothingToRetry(WorkflowConflict):
    """None of its tasks failed or expired."""

    def __init__(self) -> None:
        super().__init__(
            "no task of the workflow has failed or expired. A retry runs these again, and what was cancelled because of"
            " them; `lapinq task rerun ID` runs another one again, as a task of its own"
        )


class WorkflowBusy(WorkflowConflict):
    """The task runs, and has to come after those to be retried."""

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"task {task_id} runs, and has to come after tasks that would be retried: wait until it has ended"
        )
        self.task_id = task_id


class Retried(msgspec.Struct, frozen=True):
    """How many tasks are pending again, and the queues in which some are ready, to be announced after the commit."""

    tasks: int
    queues: set[str]


async def close(conn: psycopg.AsyncConnection, workflow_id: str, rights: Rights | None = None) -> None:
    """Lets it end as soon as no task is left. `conn` is in a transaction. Raises as `lock`."""
    await lock(conn, workflow_id, rights)
    await all_rows(conn, sql("close_workflow"), {"id": workflow_id})
    await conn.execute(sql("end_workflow"), {"id": workflow_id})


async def cancel(conn: psycopg.AsyncConnection, workflow_id: str) -> int:
    """Cancels what is pending of it, and asks workers to stop what runs. Returns how many tasks.

    A task that starts, or waits for a retry again, between the two is met in the next turn; after some turns the rest
    is left to its own. `conn` is in autocommit mode. Raises `UnknownWorkflow`.
    """
    params = {"id": workflow_id, "most": CANCEL_LIMIT}
    count = 0
    for _ in range(_TRIES):
        while True:
            cancelled = await cancel_some(conn, workflow_id)
            count += cancelled
            if cancelled < CANCEL_LIMIT:
                break
        count += await first_value(conn, sql("stop_workflow"), params)
        if not await first_value(conn, sql("has_unasked_tasks"), params):
            break
    return count


async def cancel_some(conn: psycopg.AsyncConnection, workflow_id: str) -> int:
    """The first step: the workflow is cancelled, and so are at most `CANCEL_LIMIT` pending tasks. Returns how many."""
    cancelled = await first_value(conn, sql("cancel_workflow"), {"id": workflow_id, "most": CANCEL_LIMIT})
    if cancelled is None:
        raise UnknownWorkflow
    return cancelled


async def retry(
    conn: psycopg.AsyncConnection, workflow_id: str, rights: Rights | None = None, *, by: str
) -> Retried:
    """Opens a new round: makes pending again what failed or expired, what was ended because of it, and the tasks after
    these that run in spite of failures.

    The attempts record the time and `by`, the name of the person or key. `conn` is in a transaction, to be rolled back
    if it raises as `lock` does, a `WorkflowConflict`, or `UniqueConflict`: another task holds the unique key of one.
    """
    is_cancelled, _ = await lock(conn, workflow_id, rights)
    if is_cancelled:
        raise WorkflowCancelled
    tasks, queues, refused, busy = await one_row(conn, sql("retry_workflow"), {"id": workflow_id, "by": by})
    if refused is not None:
        ref, holder = await one_row(conn, sql("holder_of_unique_key"), {"id": refused})
        raise UniqueConflict(holder, loc="unique_key", ref=ref)
    if busy is not None:
        raise WorkflowBusy(busy)
    if not tasks:
        raise NothingToRetry
    return Retried(tasks, set(queues))


async def prune(conn: psycopg.AsyncConnection, limit: int = PRUNE_LIMIT) -> int:
    """Deletes workflows that ended more than an hour ago and whose tasks have all been deleted. Returns how many."""
    return await first_value(conn, sql("prune_workflows"), {"limit": limit})

"""Workflows as tests store them."""

from collections.abc import Sequence

import msgspec

from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.requests.workflows import AfterFailure, Member, NewWorkflow
from lapinq_core.domain.tasks.references import refs_in
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.workflows import storing
from tests.support.rows.factories import Conn


def member(
    ref: str, task: NewTask, *after: str, after_failure: AfterFailure = "cancel", **values: object
) -> Member:
    """A task after those by these refs and those that its arguments name."""
    task = msgspec.structs.replace(task, **values)
    parents = dict.fromkeys([*after, *sorted(refs_in([task.args, task.kwargs]))])
    return Member(ref, task, [*parents], after_failure)


async def store(conn: Conn, members: Sequence[Member]) -> dict[str, str]:
    """Stores a workflow, parents first; the ids of its tasks by ref."""
    for one, task_id in zip(members, new_ids(len(members), 8), strict=True):
        one.task = msgspec.structs.replace(one.task, id=task_id)
    await storing.store(conn, NewWorkflow(new_id(), "report", list(members)))
    return {one.ref: one.task.id for one in members}

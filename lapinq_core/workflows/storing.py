"""Stores workflows, and more tasks of one. They are accepted when the transaction around these calls commits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.requests.workflows import Member, NewWorkflow
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.new_tasks import encoded, shared_fields
from lapinq_core.workflows.parents import queues_of
from lapinq_core.workflows.reading import queues_of_workflow

sql = sql_of(__name__)

STORE = sql("store_workflow")


class UnknownWorkflow(LapinqError):
    """There is no such workflow."""


class WorkflowConflict(LapinqError):
    """The state of the workflow does not allow it. The message says why."""


class WorkflowEnded(WorkflowConflict):
    """It takes no more tasks."""

    def __init__(self) -> None:
        super().__init__("the workflow has ended or was cancelled, so it takes no more tasks")


class RefError(LapinqError):
    """Of tasks to add: `ref` of the task `number` is taken, or, with `is_unknown`, one of those in its `after` is of no
    task of the workflow."""

    def __init__(self, number: int, ref: str, *, is_unknown: bool) -> None:
        super().__init__(ref)
        self.number = number
        self.ref = ref
        self.is_unknown = is_unknown


class Rights(Protocol):
    """What the sender of a request may do, asked while the workflow is locked. Both raise to refuse."""

    def check_queues(self, queues: Sequence[str]) -> None:
        """Whether they may act on all tasks of a workflow, which are in `queues`."""
        ...

    def check_parent(self, member: Member, ref: str, queue: str) -> None:
        """Whether they may pass the result of the parent `ref`, stored in `queue`, to the new `member`."""
        ...


async def lock(conn: psycopg.AsyncConnection, workflow_id: str, rights: Rights | None) -> tuple[bool, bool]:
    """Locks a workflow against whatever else changes its graph, and checks `rights`, if any, to its queues.

    Returns whether it was cancelled, and whether it has ended. `conn` is in a transaction. Raises `UnknownWorkflow`,
    and what `rights` raise.
    """
    row = await maybe_row(conn, sql("lock_workflow"), {"id": workflow_id})
    if row is None:
        raise UnknownWorkflow
    if rights is not None:
        rights.check_queues(await queues_of_workflow(conn, workflow_id) or ())
    return row


async def store(conn: psycopg.AsyncConnection, workflow: NewWorkflow) -> Taken:
    """Stores `workflow` with all its tasks, in one statement. The caller wakes workers after the commit.

    Raises the driver's errors.
    """
    queues, due_in = await one_row(conn, STORE, store_params(workflow))
    return Taken(set(queues), due_in)


def store_params(workflow: NewWorkflow) -> dict[str, Any]:
    """Of the statement `STORE`, for connections of other drivers."""
    head = {
        "id": workflow.id,
        "name": workflow.name,
        "metadata": workflow.metadata,
        "is_open": workflow.is_open,
    }
    return _params(head, workflow.members, {})


def more_params(workflow_id: str, members: Sequence[Member], ids: Mapping[str, str]) -> dict[str, Any]:
    """Of the same statement, for more tasks. `ids` are at least those of the parents that are stored, by ref."""
    return _params({"id": workflow_id}, members, ids)


async def add(
    conn: psycopg.AsyncConnection, workflow_id: str, members: Sequence[Member], rights: Rights | None = None
) -> Taken:
    """Stores more tasks of a workflow. `conn` is in a transaction, to be rolled back if it raises.

    Raises `UnknownWorkflow`, `WorkflowEnded`, `RefError`, what `rights` raise, and the driver's errors.
    """
    if any(await lock(conn, workflow_id, rights)):
        raise WorkflowEnded
    new = {member.ref for member in members}
    refs = new.union(*(member.after for member in members))
    rows = await all_rows(conn, sql("find_refs"), {"workflow_id": workflow_id, "refs": list(refs)})
    stored: dict[str, str] = dict(rows)
    for number, member in enumerate(members):
        if member.ref in stored:
            raise RefError(number, member.ref, is_unknown=False)
        for ref in member.after:
            if ref not in new and ref not in stored:
                raise RefError(number, ref, is_unknown=True)
    if rights is not None:
        await _check_parents(conn, members, stored, rights)
    queues, due_in = await one_row(conn, STORE, more_params(workflow_id, members, stored))
    return Taken(set(queues), due_in)


async def _check_parents(
    conn: psycopg.AsyncConnection, members: Sequence[Member], stored: Mapping[str, str], rights: Rights
) -> None:
    named = [(member, ref) for member in members for ref in sorted(member.named & stored.keys())]
    queues = await queues_of(conn, [stored[ref] for _, ref in named])
    for member, ref in named:
        if (queue := queues.get(stored[ref])) is not None:  # else it was deleted, with its result
            rights.check_parent(member, ref, queue)


def _params(
    workflow: Mapping[str, object], members: Sequence[Member], stored: Mapping[str, str]
) -> dict[str, Any]:
    ids = {**stored, **{member.ref: member.task.id for member in members}}
    for member in members:
        member.task.is_blocked = bool(member.after)
    graph = {
        "ids": [member.task.id for member in members],
        "refs": [member.ref for member in members],
        "waits_for": [len(member.after) for member in members],
        "after_failure": [member.after_failure for member in members],
        "parents": [ids[ref] for member in members for ref in member.after],
        "children": [member.task.id for member in members for _ in member.after],
    }
    return {
        "workflow": msgspec.json.encode(workflow).decode(),
        "tasks": f"[{','.join(encoded(part) for part in _parts(member.task for member in members))}]",
        "graph": msgspec.json.encode(graph).decode(),
    }


def _parts(tasks: Iterable[NewTask]) -> list[list[NewTask]]:
    """The tasks as lists of those that are alike, which cost less to store, and one of all others."""
    parts: defaultdict[bytes, list[NewTask]] = defaultdict(list)
    for task in tasks:
        parts[shared_fields(task)].append(task)
    alike = [part for part in parts.values() if len(part) > 1]
    others = sorted((part[0] for part in parts.values() if len(part) == 1), key=lambda task: task.id)
    return [*alike, others] if others else alike

"""Reads, checks and stores the workflow of a call, and makes the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.transaction.insertion import News, Refused, find_bursts, refused
from lapinq._client.transaction.statements import Statement
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.refusals import invalid_value, unique_conflict
from lapinq_core.domain.requests.workflows import in_task, read_added, read_workflow, unknown_parent
from lapinq_core.intake import limit_check
from lapinq_core.intake.unique_keys import UniqueConflict, choice
from lapinq_core.workflows.storing import more_params, store_params

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapinq._client.calling.calls import EnqueueWorkflow
    from lapinq._client.transaction.connections import AsyncConnection
    from lapinq_core.db.notify.channels import Notice
    from lapinq_core.domain.requests.workflows import Member, NewWorkflow


class Part(msgspec.Struct, frozen=True):
    """What one statement stores: a workflow with its first tasks, or more `members`. `ids` are those of all its tasks,
    by ref."""

    workflow: NewWorkflow
    members: list[Member]
    ids: dict[str, str]

    def params(self) -> dict[str, Any]:
        if self.members is self.workflow.members:
            return store_params(self.workflow)
        return more_params(self.workflow.id, self.members, self.ids)


class WorkflowInsertion:
    """The workflow of one call. The constructor reads and checks it; `store` may be refused after a part."""

    is_divisible = True

    def __init__(self, call: EnqueueWorkflow) -> None:
        """Raises `Refused`."""
        first, *rest = call.parts
        self._ids: dict[str, str] = {}
        self._news = News()
        head = {"name": call.name, "metadata": call.metadata, "open": call.is_open, "tasks": first}
        try:
            self._workflow = read_workflow(msgspec.json.encode(head))
            self._workflow.id = call.workflow_id
            self._parts = [part_of(self._workflow, self._workflow.members, self._ids)]
            for tasks in rest:
                members = read_added(msgspec.json.encode({"tasks": tasks}))
                for member in members:
                    member.number += len(self._ids)
                self._parts.append(part_of(self._workflow, members, self._ids))
        except InvalidValue as error:
            raise Refused(refused(400, invalid_value(error))) from error

    async def store(self, connection: AsyncConnection) -> None:
        """Raises `Refused`."""
        bursts: dict[str, float | None] = {}
        for part in self._parts:
            await check_members(connection, part.members, bursts)
            [(queues, due_in)] = await connection.fetch(Statement("store_workflow", part))
            self._news.add(queues, due_in)

    def notices(self) -> set[Notice]:
        """What is to be announced when it is committed."""
        return self._news.notices()

    def answer(self) -> Answer:
        """As the HTTP API answers."""
        return Answer(201, msgspec.json.encode({"workflow_id": self._workflow.id, "task_ids": self._ids}))


def part_of(workflow: NewWorkflow, members: list[Member], ids: dict[str, str]) -> Part:
    """`ids` are those of the tasks before them, by ref, and get theirs. Raises `InvalidValue` if they don't go with
    these."""
    for member in members:
        if member.ref in ids:
            raise in_task(
                member.number, InvalidValue("ref", f"is that of a task in the workflow: {member.ref!r}")
            )
        ids[member.ref] = member.task.id
        for parent in member.after:
            if parent not in ids:
                raise unknown_parent(member, parent, ids)
    return Part(workflow, members, ids)


async def check_members(
    connection: AsyncConnection, members: Sequence[Member], bursts: dict[str, float | None]
) -> None:
    """Checks the limits from which the tasks take, and takes their unique keys. `bursts` are those that are known.
    Raises `Refused`."""
    await find_bursts(connection, [member.task for member in members], bursts)
    for member in members:
        try:
            limit_check.check([member.task], bursts)
        except InvalidValue as error:
            raise Refused(refused(400, invalid_value(in_task(member.number, error)))) from error
    keyed = [member for member in members if member.task.unique is not None]
    if not keyed:
        return
    tasks = [member.task for member in keyed]
    [(answer,)] = await connection.fetch(Statement("meet_unique_keys", tasks))
    try:
        choice(tasks, answer)
    except UniqueConflict as error:
        refused_one = keyed[error.number]
        loc = in_task(refused_one.number, InvalidValue(error.loc, "")).loc
        raise Refused(refused(409, unique_conflict(error.task_id, loc, refused_one.ref))) from error

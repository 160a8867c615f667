"""Carrying out a call that is about a workflow. The answer is the HTTP API's."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import (
    AddToWorkflow,
    CancelWorkflow,
    CloseWorkflow,
    ReadWorkflow,
    RetryWorkflow,
)
from lapinq._client.transaction.insertion import Refused, refused
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.json_times import encode
from lapinq_core.domain.requests.refusals import UNKNOWN_WORKFLOW, ErrorBody, invalid_value, unique_conflict
from lapinq_core.domain.requests.workflows import (
    MAX_TASKS,
    in_request_order,
    in_task,
    read_added,
    unknown_parent,
)
from lapinq_core.intake.idempotency import Key
from lapinq_core.intake.unique_keys import UniqueConflict
from lapinq_core.workflows import audited, changing, reading
from lapinq_core.workflows.storing import RefError, UnknownWorkflow, WorkflowConflict

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    import psycopg

    from lapinq._client.calling.calls import OfWorkflow
    from lapinq._client.database.process import Running
    from lapinq_core.domain.requests.workflows import Member

    Work = Callable[[Running], Coroutine[Any, Any, Answer]]

BY = "client"
"""Who retries, as the attempts show it. Programs have no names."""


def prepared_for_workflow(call: OfWorkflow, workflow_id: str) -> Work:
    """What to do in the client's event loop. Raises `Refused`."""
    match call:
        case AddToWorkflow():
            body = msgspec.json.encode({"tasks": call.tasks})
            try:
                members = read_added(body)
            except InvalidValue as error:
                raise Refused(refused(400, invalid_value(error))) from error
            key = Key(f"database\n{call.key}", hashlib.sha256(body).digest())
            return _told(partial(_add, workflow_id, members, len(body), key))
        case CloseWorkflow():
            return _told(partial(_close, workflow_id))
        case ReadWorkflow():
            return _told(partial(_read, workflow_id, call))
        case CancelWorkflow():
            return _told(partial(_cancel, workflow_id))
        case RetryWorkflow():
            return _told(partial(_retry, workflow_id))


async def stored_before(workflow_id: str, running: Running) -> Answer:
    """The answer to an earlier attempt of the call that stored it."""
    task_ids: dict[str, str] = {}
    last: str | None = None
    while True:
        nodes = await running.database.run(reading.tasks_of, workflow_id, after=last, limit=reading.MAX_TASKS)
        task_ids |= {node.ref: node.id for node in nodes}
        if len(nodes) < reading.MAX_TASKS:
            return _json(201, {"workflow_id": workflow_id, "task_ids": task_ids})
        last = nodes[-1].id


def _told(work: Work) -> Work:
    async def carry_out(running: Running) -> Answer:
        try:
            return await work(running)
        except Refused as error:
            return error.answer
        except UnknownWorkflow:
            return refused(404, ErrorBody(UNKNOWN_WORKFLOW))
        except WorkflowConflict as error:
            return refused(409, ErrorBody(str(error)))
        except UniqueConflict as error:
            return refused(409, unique_conflict(error.task_id, error.loc, error.ref))

    return carry_out


async def _add(workflow_id: str, members: Sequence[Member], size: int, key: Key, running: Running) -> Answer:
    asked = in_request_order(members)
    tasks = [member.task for member in asked]
    store = partial(audited.add, workflow_id=workflow_id, members=members, key=key, by=None)
    try:
        earlier = await running.batcher.put_with(store, tasks, size, numbered=True)
    except InvalidValue as error:  # about a limit
        raise Refused(refused(400, invalid_value(InvalidValue(f"tasks{error.loc}", error.msg)))) from error
    except UniqueConflict as error:
        raise error.in_batch("tasks", asked[error.number].ref) from error
    except RefError as error:
        raise Refused(refused(400, invalid_value(_wrong_ref(members[error.number], error)))) from error
    ids = [task.id for task in tasks] if earlier is None else earlier.task_ids[1:]
    task_ids = {member.ref: task_id for member, task_id in zip(asked, ids, strict=True)}
    return _json(201, {"workflow_id": workflow_id, "task_ids": task_ids})


async def _close(workflow_id: str, running: Running) -> Answer:
    await running.database.run(_in_transaction, partial(changing.close, workflow_id=workflow_id))
    return _json(200, {"id": workflow_id, "open": False})


async def _cancel(workflow_id: str, running: Running) -> Answer:
    count = await running.database.run(changing.cancel, workflow_id)
    return _json(200, {"id": workflow_id, "cancelled": count})


async def _retry(workflow_id: str, running: Running) -> Answer:
    retry = partial(changing.retry, workflow_id=workflow_id, by=BY)
    retried = await running.database.run(_in_transaction, retry)
    running.notifier.wake(retried.queues)
    return _json(200, {"id": workflow_id, "retried": retried.tasks})


async def _in_transaction(
    conn: psycopg.AsyncConnection, verb: Callable[..., Coroutine[Any, Any, Any]]
) -> Any:
    async with conn.transaction():
        return await verb(conn)


async def _read(workflow_id: str, call: ReadWorkflow, running: Running) -> Answer:
    found = await running.database.run(reading.get_workflow, workflow_id)
    if found is None:
        raise UnknownWorkflow
    shown = msgspec.structs.asdict(found)
    shown["open"] = shown.pop("is_open")
    del shown["is_cancelled"]
    if found.metadata is not None:
        shown["metadata"] = msgspec.json.decode(found.metadata)
    headers: dict[str, str] = {}
    if call.tasks:
        nodes, edges = await running.database.run(
            reading.graph_of, workflow_id, after=call.cursor, limit=MAX_TASKS
        )
        shown["tasks"], shown["edges"] = nodes, edges
        if len(nodes) == MAX_TASKS:
            headers["x-next-cursor"] = nodes[-1].id
    return Answer(200, encode(shown), headers)


def _wrong_ref(member: Member, error: RefError) -> InvalidValue:
    if error.is_unknown:
        return unknown_parent(member, error.ref)
    return in_task(member.number, InvalidValue("ref", f"is that of a task in the workflow: {error.ref!r}"))


def _json(status_code: int, body: dict[str, Any]) -> Answer:
    return Answer(status_code, msgspec.json.encode(body))

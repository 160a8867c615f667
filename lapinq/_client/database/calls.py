"""Carrying out a call. The answer is the HTTP API's."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg.errors import LockNotAvailable, UniqueViolation

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import (
    AddToWorkflow,
    CancelTask,
    CancelWorkflow,
    CloseWorkflow,
    Enqueue,
    EnqueueBatch,
    EnqueueWorkflow,
    ReadProgress,
    ReadResult,
    ReadStatus,
    ReadSteps,
    ReadWhy,
    ReadWorkflow,
    RetryWorkflow,
    SendSignal,
)
from lapinq._client.database.workflow_calls import prepared_for_workflow, stored_before
from lapinq._client.transaction.insertion import Refused, accepted_one
from lapinq._client.transaction.on_psycopg import OnAsyncConnection
from lapinq._client.transaction.storing import astore
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable, ValueRefused, translated
from lapinq_core.db.notify.channels import DELAYED_CHANNEL, READY_CHANNEL
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests import refusals
from lapinq_core.domain.requests.enqueue import read_task
from lapinq_core.domain.requests.refusals import ErrorBody
from lapinq_core.domain.requests.signals import read_value
from lapinq_core.domain.tasks.chosen_id import key_of, needs_key
from lapinq_core.domain.tasks.state import FINAL
from lapinq_core.durable import signals
from lapinq_core.durable.reading import list_steps
from lapinq_core.durable.signals import NoSuchTask, SignalRefused
from lapinq_core.intake.idempotency import Earlier, Key, KeyHeld, UniqueKeyBusy
from lapinq_core.intake.unique_keys import Met, UniqueConflict
from lapinq_core.lookup.why.explanation import explain
from lapinq_core.tasks import actions, inspect
from lapinq_core.tasks.due_notices import announce

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    import psycopg

    from lapinq._client.calling.calls import Call
    from lapinq._client.database.process import Running
    from lapinq._client.transaction.statements import Row, Statement
    from lapinq_core.db.notify.channels import Notice
    from lapinq_core.domain.tasks.state import Status
    from lapinq_core.domain.tasks.task import NewTask
    from lapinq_core.intake.enqueueing import Taken

Work = Callable[["Running"], Coroutine[Any, Any, Answer]]
_LATER = {"retry-after": "1"}
_LOOKS = 3


def prepared(call: Call, timeout: float) -> Work:
    """What to do in the client's event loop. The caller's thread has done the checks of a single task.

    `timeout` is in seconds, for a large batch for each of its statements. Raises `CallRefused`.
    """
    match call:
        case Enqueue():
            return partial(_within, timeout, _enqueue(call))
        case EnqueueBatch() | EnqueueWorkflow():
            return partial(_store, call, timeout)
        case ReadStatus(task_id):
            return partial(_within, timeout, partial(_status, _id(task_id)))
        case ReadProgress(task_id):
            return partial(_within, timeout, partial(_task, _id(task_id)))
        case ReadResult(task_id, wait):
            return partial(_within, timeout, partial(_result, _id(task_id), wait))
        case ReadWhy(task_id):
            return partial(_within, timeout, partial(_why, _id(task_id)))
        case CancelTask(task_id, running):
            return partial(_within, timeout, partial(_cancel, _id(task_id), running))
        case ReadSteps(task_id, cursor):
            return partial(_within, timeout, partial(_steps, _id(task_id), int(cursor or 0)))
        case SendSignal():
            return partial(_within, timeout, _signal(call))
        case AddToWorkflow() | CloseWorkflow() | ReadWorkflow() | CancelWorkflow() | RetryWorkflow():
            workflow_id = _id(call.workflow_id, "a workflow id")
            try:
                return partial(_within, timeout, prepared_for_workflow(call, workflow_id))
            except Refused as error:
                raise CallRefused(error.answer) from error


class CallRefused(Exception):
    """The call needs no database to be refused."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


async def _within(timeout: float, work: Work, running: Running) -> Answer:
    try:
        with translated():
            async with asyncio.timeout(timeout):
                return await work(running)
    except ValueRefused as error:
        return _refused(400, refusals.unstorable(error))
    except UniqueConflict as error:
        return _refused(409, refusals.unique_conflict(error.task_id, error.loc))
    except UniqueKeyBusy as error:
        return _refused(503, ErrorBody(str(error)), _LATER)
    except KeyHeld:
        return _refused(503, ErrorBody(refusals.KEY_IN_PROGRESS), _LATER)
    except Overloaded:
        return _refused(503, ErrorBody("too many calls of this process wait for the database"), _LATER)


def _enqueue(call: Enqueue) -> Work:
    body = msgspec.json.encode(call.entry)
    try:
        task = read_task(body, task_id=call.task_id)
    except InvalidValue as error:
        raise CallRefused(_refused(400, refusals.invalid_value(error))) from error
    key = call.idempotency_key
    if key is None and call.task_id is not None and needs_key(task, time.time()):
        key = key_of(call.task_id)
    digest = hashlib.sha256(b"POST /api/v1/enqueue\n" + body).digest()
    stored_key = None if key is None else Key(f"database\n{key}", digest)
    return partial(_put, task, len(body), stored_key)


async def _put(task: NewTask, size: int, key: Key | None, running: Running) -> Answer:
    try:
        outcome = await running.batcher.put(task, size, key)
    except InvalidValue as error:
        return _refused(400, refusals.invalid_value(error))
    if outcome is None:
        return _json(201, accepted_one(None if task.is_transient else task.id, Met()))
    if isinstance(outcome, Earlier) and not outcome.is_same:
        return _refused(409, ErrorBody(refusals.KEY_REUSED))
    return _json(201, accepted_one(outcome.task_ids[0], outcome.met))


async def _store(call: EnqueueBatch | EnqueueWorkflow, timeout: float, running: Running) -> Answer:
    try:
        with translated():
            async with running.database.connection() as conn:
                return await astore(_BatchConnection(conn, timeout, running), call)
    except ValueRefused as error:
        return _refused(400, refusals.unstorable(error))
    except DatabaseUnavailable as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return _refused(503, ErrorBody(refusals.UNIQUE_KEY_BUSY), _LATER)
        raise
    except UniqueViolation as error:
        if isinstance(call, EnqueueWorkflow) and error.diag.constraint_name == "lapinq_workflows_pkey":
            return await stored_before(call.workflow_id, running)
        raise


class _BatchConnection(OnAsyncConnection):
    """Limits each statement, and lets the process's notifiers announce the tasks."""

    announces_at_once = False

    def __init__(self, connection: psycopg.AsyncConnection, timeout: float, running: Running) -> None:
        super().__init__(connection)
        self._timeout = timeout
        self._running = running

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        async with asyncio.timeout(self._timeout):
            return await super().fetch(statement)

    async def announce(self, notices: set[Notice]) -> None:
        self._running.notifier.wake(one.payload for one in notices if one.channel == READY_CHANNEL)
        if any(one.channel == DELAYED_CHANNEL for one in notices):
            announce(self._running.delayed, 0.0)


async def _status(task_id: str, running: Running) -> Answer:
    found = await running.database.run(inspect.get_result, task_id)
    return _unknown() if found is None else _json(200, {"status": found[0]})


async def _task(task_id: str, running: Running) -> Answer:
    found = await running.database.run(inspect.get_task, task_id)
    return _unknown() if found is None else Answer(200, found.encode())


async def _result(task_id: str, wait: float, running: Running) -> Answer:
    if wait:
        found = await running.result(task_id, wait)
    else:
        found = await running.database.run(inspect.get_result, task_id)
    if found is None:
        return _unknown()
    status, result = found
    if status not in FINAL:
        return _json(200, {"error": refusals.NOT_FINISHED, "status": status})
    return Answer(200, result.encode())


async def _why(task_id: str, running: Running) -> Answer:
    found = await running.database.run(explain, task_id)
    return _unknown() if found is None else Answer(200, msgspec.json.encode(found))


async def _steps(task_id: str, skip: int, running: Running) -> Answer:
    if await running.database.run(inspect.get_names, task_id) is None:
        return _unknown()
    found, following = await running.database.run(list_steps, task_id, skip=skip)
    headers = {} if following is None else {"x-next-cursor": str(following)}
    return Answer(200, f"[{','.join(one.text for one in found)}]".encode(), headers)


def _signal(call: SendSignal) -> Work:
    task_id = _id(call.task_id)
    try:
        value = read_value(call.value)
    except InvalidValue as error:
        raise CallRefused(_refused(400, refusals.invalid_value(error))) from error
    digest = hashlib.sha256(f"POST {task_id} {call.name}\n".encode() + call.value).digest()
    send = partial(
        signals.send, task_id=task_id, name=call.name, value=value, key=Key(f"database\n{call.key}", digest)
    )
    return partial(_send, send, len(value), _json(202, {"id": task_id, "signal": call.name}))


async def _send(
    send: Callable[..., Awaitable[tuple[Earlier | None, Taken]]], size: int, sent: Answer, running: Running
) -> Answer:
    try:
        await running.batcher.put_with(send, (), size)
    except NoSuchTask:
        return _unknown()
    except SignalRefused as error:
        return _refused(409, ErrorBody(str(error)))
    except InvalidValue as error:
        return _refused(400, refusals.invalid_value(error))
    return sent


async def _cancel(task_id: str, also_running: bool, running: Running) -> Answer:
    status = None
    for _ in range(_LOOKS):
        if await running.database.run(actions.cancel, task_id):
            return _json(200, {"id": task_id, "status": "cancelled"})
        if also_running and await running.database.run(actions.request_cancel, task_id):
            return _json(202, {"id": task_id, "status": "running", "cancel_requested": True})
        status = await _known_status(task_id, running)
        why = refusals.not_cancelled(status, also_running=also_running)
        if why != refusals.MOVING:
            return _refused(404, ErrorBody(why))
    return _refused(503, ErrorBody(refusals.MOVING), _LATER)


async def _known_status(task_id: str, running: Running) -> Status | None:
    found = await running.database.run(inspect.get_result, task_id)
    return None if found is None else found[0]


def _id(text: str, what: str = "a task id") -> str:
    try:
        return refusals.read_id("id", text, what)
    except InvalidValue as error:
        raise CallRefused(_refused(400, refusals.invalid_value(error))) from error


def _unknown() -> Answer:
    return _refused(404, ErrorBody(refusals.UNKNOWN_TASK))


def _refused(status_code: int, body: ErrorBody, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status_code, msgspec.json.encode(body), headers or {})


def _json(status_code: int, body: dict[str, Any]) -> Answer:
    return Answer(status_code, msgspec.json.encode(body))

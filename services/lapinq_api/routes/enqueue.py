"""Taking tasks in over HTTP, one by one and in batches."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.caller import require
from lapinq_api.body import read_json
from lapinq_api.codec import Json, decode
from lapinq_api.endpoint import Answer, Needs, Operation
from lapinq_api.state import State
from lapinq_core.domain.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.task import NewTask, check_task
from lapinq_core.importing import is_allowed

MOST_IN_BATCH = 1000
_LARGE_BYTES = 64 * 1024
"""Bodies from here on are decoded in a thread: they would hold up everybody else."""

T = TypeVar("T")


class EnqueueRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A task to enqueue. A field that is null counts as left out."""

    task_name: str
    module_path: str
    queue_name: str | None = None
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    scheduled_at: str | None = None
    max_retries: int | None = None
    priority: int | None = None
    ttl_seconds: float | None = None
    metadata: dict[str, Any] | None = None
    retry_delay: float | None = None
    retry_backoff: bool | None = None
    webhook_url: str | None = None
    timeout_seconds: float | None = None


class Enqueued(msgspec.Struct):
    """The id of the task."""

    task_id: str


class EnqueuedTransient(msgspec.Struct):
    """A fire-and-forget task has no id."""

    task_id: None = None
    ttl_seconds: int = 0


class EnqueuedBatch(msgspec.Struct):
    """The ids in the order of the request; null for a fire-and-forget task."""

    task_ids: list[str | None]


async def enqueue(state: State, request: Request) -> Response:
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    with state.admission.hold(len(body)):
        task = await _off_loop_if_large(_read_one, body, state.settings.allowed_modules)
        require(request, Permission.ENQUEUE, task.queue_name)
        await state.intake.put(task, len(body))
    return Json(EnqueuedTransient() if task.is_transient else Enqueued(task.id), HTTPStatus.CREATED)


async def enqueue_batch(state: State, request: Request) -> Response:
    limit = state.settings.max_batch_payload_size
    body = await read_json(request.scope, request.receive, limit, state.admission)
    with state.admission.hold(len(body)):
        tasks = await _off_loop_if_large(_read_batch, body, state.settings.allowed_modules)
        for queue in {task.queue_name for task in tasks}:
            require(request, Permission.ENQUEUE, queue)
        if tasks:
            await state.intake.put_all(tasks, len(body))
    ids = [None if task.is_transient else task.id for task in tasks]
    return Json(EnqueuedBatch(ids), HTTPStatus.CREATED)


_one = msgspec.json.Decoder(EnqueueRequest)
_batch = msgspec.json.Decoder(list[EnqueueRequest])


async def _off_loop_if_large(
    read: Callable[[bytes, tuple[str, ...]], T], body: bytes, allowed: tuple[str, ...]
) -> T:
    if len(body) < _LARGE_BYTES:
        return read(body, allowed)
    return await asyncio.to_thread(read, body, allowed)


def _read_one(body: bytes, allowed: tuple[str, ...]) -> NewTask:
    return _new_task(decode(_one, body), new_ids(1)[0], datetime.now(UTC), allowed)


def _read_batch(body: bytes, allowed: tuple[str, ...]) -> list[NewTask]:
    asked = decode(_batch, body)
    if len(asked) > MOST_IN_BATCH:
        raise InvalidValue("", f"must be a list of at most {MOST_IN_BATCH} tasks, not of {len(asked)}")
    now = datetime.now(UTC)
    tasks: list[NewTask] = []
    for index, (one, task_id) in enumerate(zip(asked, new_ids(len(asked)), strict=True)):
        try:
            tasks.append(_new_task(one, task_id, now, allowed))
        except InvalidValue as error:
            raise InvalidValue(f"[{index}].{error.loc}", error.msg) from error
    return tasks


def _new_task(asked: EnqueueRequest, task_id: str, now: datetime, allowed: tuple[str, ...]) -> NewTask:
    task = NewTask(id=task_id, task_name=asked.task_name, module_path=asked.module_path)
    if asked.queue_name is not None:
        task.queue_name = asked.queue_name
    if asked.args is not None:
        task.args = asked.args
    if asked.kwargs is not None:
        task.kwargs = asked.kwargs
    if asked.scheduled_at is not None:
        task.scheduled_at = _time(asked.scheduled_at)
    if asked.max_retries is not None:
        task.max_retries = asked.max_retries
    if asked.priority is not None:
        task.priority = asked.priority
    if asked.retry_delay is not None:
        task.retry_delay = asked.retry_delay
    if asked.retry_backoff is not None:
        task.retry_backoff = asked.retry_backoff
    task.ttl_seconds = asked.ttl_seconds
    task.metadata = asked.metadata
    task.webhook_url = asked.webhook_url
    task.timeout_seconds = asked.timeout_seconds
    check_task(task, now)
    if not is_allowed(task.module_path, allowed):
        raise InvalidValue("module_path", "is not one of the modules that this server allows")
    return task


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue("scheduled_at", "must be an ISO 8601 time such as 2030-01-31T12:00:00Z") from error


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/enqueue",
        handler=enqueue,
        needs=Needs.PERMISSION,
        tag="enqueue",
        summary="Enqueue a task",
        body=EnqueueRequest,
        answers={201: Answer(description="The task is stored.", body=Enqueued | EnqueuedTransient)},
    ),
    Operation(
        method="POST",
        path="/api/v1/enqueue/batch",
        handler=enqueue_batch,
        needs=Needs.PERMISSION,
        tag="enqueue",
        summary="Enqueue up to 1000 tasks, all or none",
        body=list[EnqueueRequest],
        answers={201: Answer(description="The tasks are stored.", body=EnqueuedBatch)},
    ),
)

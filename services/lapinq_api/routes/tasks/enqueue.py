"""Enqueues tasks, one by one and in batches."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import require
from lapinq_api.operations.body import read_json
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.operations.idempotency import (
    CONFLICT,
    HEADERS,
    IDEMPOTENCY_KEY,
    REPLAYED,
    ids_of,
    key_name,
    key_of,
)
from lapinq_api.operations.task_path import links_to_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json, decode, off_loop_if_large
from lapinq_api.wire.request_ids import SCOPE_KEY
from lapinq_api.wire.values import (
    JSON_LIMITS,
    Id,
    ModulePath,
    MoreSeconds,
    Name,
    Priority,
    Retries,
    Seconds,
    Time,
    WebhookUrl,
    doc,
)
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.tasks.allow_list import check_allowed
from lapinq_core.domain.tasks.task import NewTask, check_task

MAX_IN_BATCH = 1000


class EnqueueRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A task to enqueue. A null field counts as omitted."""

    task_name: Annotated[Name, doc("The function's task name.", example="factorial")]
    module_path: Annotated[
        ModulePath,
        doc("The module that defines it; `LAPINQ_ALLOWED_MODULES` must allow it.", example="math"),
    ]
    queue_name: Annotated[Name | None, doc("Its queue.", default="default")] = None
    args: Annotated[
        list[Any] | None, doc(f"Positional arguments. {JSON_LIMITS}", default=[], example=[20])
    ] = None
    kwargs: Annotated[dict[str, Any] | None, doc("Keyword arguments. Same limits as `args`.", default={})] = (
        None
    )
    scheduled_at: Annotated[
        Time | None,
        doc("The earliest start, within a hundred years; UTC without an offset. Default: now."),
    ] = None
    max_retries: Annotated[Retries | None, doc("Retries after the first attempt.", default=3)] = None
    priority: Annotated[Priority | None, doc("Higher runs first.", default=0)] = None
    ttl_seconds: Annotated[
        Seconds | None,
        doc(
            "Seconds after which the task is deleted, or expires if it has not started. 0: fire and"
            " forget. Default: it is kept."
        ),
    ] = None
    metadata: Annotated[
        dict[str, Any] | None,
        doc("Any value to store with the task. Same limits as `args`."),
    ] = None
    retry_delay: Annotated[Seconds | None, doc("Seconds before a retry.", default=10)] = None
    retry_backoff: Annotated[
        bool | None, doc("Double the delay with each retry, up to 10 minutes.", default=True)
    ] = None
    webhook_url: Annotated[
        WebhookUrl | None, doc("Called when the task completes or fails; http or https, with a host.")
    ] = None
    timeout_seconds: Annotated[
        MoreSeconds | None, doc("Time limit of one attempt in seconds. Default: the worker's limit.")
    ] = None


class Enqueued(msgspec.Struct):
    """The task's id."""

    task_id: Id


class EnqueuedTransient(msgspec.Struct):
    """A fire-and-forget task has no id."""

    task_id: None = None
    ttl_seconds: int = 0


class EnqueuedBatch(msgspec.Struct):
    """The ids in request order; null for a fire-and-forget task."""

    task_ids: list[Id | None]


async def enqueue(state: State, request: Request) -> Response:
    name = key_name(request)
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    with await state.admission.decoding(body):
        task = await off_loop_if_large(body, _read_one, body, state.settings.allowed_modules, _id_of(request))
        require(request, Permission.ENQUEUE, task.queue_name)
        key = None if name is None else await off_loop_if_large(body, key_of, name, _ONE, body)
        earlier = await state.intake.put(task, len(body), key)
    if earlier is not None:
        [task_id] = ids_of(earlier)
        return Json(
            EnqueuedTransient() if task_id is None else Enqueued(task_id), HTTPStatus.CREATED, REPLAYED
        )
    state.counters.enqueued((task,), "single")
    return Json(EnqueuedTransient() if task.is_transient else Enqueued(task.id), HTTPStatus.CREATED)


async def enqueue_batch(state: State, request: Request) -> Response:
    name = key_name(request)
    limit = state.settings.max_batch_payload_size
    body = await read_json(request.scope, request.receive, limit, state.admission)
    with await state.admission.decoding(body):
        tasks = await off_loop_if_large(
            body, _read_batch, body, state.settings.allowed_modules, _id_of(request)
        )
        for queue in {task.queue_name for task in tasks}:
            require(request, Permission.ENQUEUE, queue)
        key = None if name is None else await off_loop_if_large(body, key_of, name, _MANY, body)
        earlier = await state.intake.put_all(tasks, len(body), key) if tasks or key else None
    if earlier is not None:
        return Json(EnqueuedBatch(ids_of(earlier)), HTTPStatus.CREATED, REPLAYED)
    state.counters.enqueued(tasks, "batch")
    ids = [None if task.is_transient else task.id for task in tasks]
    return Json(EnqueuedBatch(ids), HTTPStatus.CREATED)


_ONE = "POST /api/v1/enqueue"
_MANY = "POST /api/v1/enqueue/batch"

_one = msgspec.json.Decoder(EnqueueRequest)
_batch = msgspec.json.Decoder(list[EnqueueRequest])


def _id_of(request: Request) -> str:
    request_id: str = request.scope[SCOPE_KEY]
    return request_id


def _read_one(body: bytes, allowed: tuple[str, ...], request_id: str) -> NewTask:
    return _new_task(decode(_one, body), new_ids(1)[0], datetime.now(UTC), allowed, request_id)


def _read_batch(body: bytes, allowed: tuple[str, ...], request_id: str) -> list[NewTask]:
    asked = decode(_batch, body)
    if len(asked) > MAX_IN_BATCH:
        raise InvalidValue("", f"must be a list of at most {MAX_IN_BATCH} tasks, not {len(asked)}")
    now = datetime.now(UTC)
    tasks: list[NewTask] = []
    for index, (one, task_id) in enumerate(zip(asked, new_ids(len(asked)), strict=True)):
        try:
            tasks.append(_new_task(one, task_id, now, allowed, request_id))
        except InvalidValue as error:
            raise InvalidValue(f"[{index}].{error.loc}", error.msg) from error
    return tasks


def _new_task(
    asked: EnqueueRequest, task_id: str, now: datetime, allowed: tuple[str, ...], request_id: str
) -> NewTask:
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
    task.request_id = request_id
    check_task(task, now)
    check_allowed(allowed, module_path=task.module_path, task_name=task.task_name)
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
        parameters=(IDEMPOTENCY_KEY,),
        answers={
            201: Answer(
                description="The task is enqueued.",
                body=Enqueued | EnqueuedTransient,
                headers=HEADERS,
                links=links_to_task("$response.body#/task_id"),
            )
        },
        errors={409: CONFLICT},
    ),
    Operation(
        method="POST",
        path="/api/v1/enqueue/batch",
        handler=enqueue_batch,
        needs=Needs.PERMISSION,
        tag="enqueue",
        summary="Enqueue up to 1000 tasks, all or none",
        body=Annotated[list[EnqueueRequest], msgspec.Meta(extra_json_schema={"maxItems": MAX_IN_BATCH})],
        parameters=(IDEMPOTENCY_KEY,),
        answers={
            201: Answer(
                description="The tasks are enqueued.",
                body=EnqueuedBatch,
                headers=HEADERS,
                links=links_to_task("$response.body#/task_ids/0"),
            )
        },
        errors={409: CONFLICT},
    ),
)

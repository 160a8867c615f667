"""The request to enqueue a task, and the checked task that it makes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_id, new_ids
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.refusals import MAX_IN_BATCH
from lapinq_core.domain.requests.unique import DebounceRequest, UniqueRequest
from lapinq_core.domain.requests.values import (
    JSON_LIMITS,
    Key,
    Limits,
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
from lapinq_core.domain.tasks.functions.allow_list import check_allowed
from lapinq_core.domain.tasks.task import NewTask, check_own, check_shared


class EnqueueRequest(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A task to enqueue. A null field counts as omitted."""

    task_name: Annotated[Name, doc("The function's task name.", example="factorial")]
    module_path: Annotated[
        ModulePath,
        doc("The module that defines it; `LAPINQ_ALLOWED_MODULES` must allow it.", example="math"),
    ]
    queue_name: Annotated[Name | None, doc("Queue of the task.", default="default")] = None
    args: Annotated[
        list[Any] | None, doc(f"Positional arguments. {JSON_LIMITS}", default=[], example=[20])
    ] = None
    kwargs: Annotated[dict[str, Any] | None, doc("Keyword arguments. Same limits as `args`.", default={})] = (
        None
    )
    scheduled_at: Annotated[
        Time | None,
        doc(
            "Time before which it does not start, within a hundred years; UTC without an offset. Default: now."
        ),
    ] = None
    max_retries: Annotated[Retries | None, doc("Maximum number of retries.", default=3)] = None
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
        WebhookUrl | None, doc("URL to call when the task completes or fails; http or https, with a host.")
    ] = None
    timeout_seconds: Annotated[
        MoreSeconds | None, doc("Time limit of one attempt in seconds. Default: the worker's limit.")
    ] = None
    profile: Annotated[
        bool | None, doc("Profile each attempt: sample what it spends its time on.", default=False)
    ] = None
    key: Annotated[
        Key | None,
        doc(
            "The customer, account or device that the task is about. Limits and order per key use it.",
            example="acme",
        ),
    ] = None
    limits: Annotated[
        Limits | None,
        doc(
            "Units that the task takes from named limits. It also takes one place of each.",
            example={"openai": 1200},
        ),
    ] = None
    unique: Annotated[
        UniqueRequest | None, doc("Store it only if no other task of the queue holds the key.")
    ] = None
    debounce: Annotated[
        DebounceRequest | None, doc("Start it when calls with the key have stopped for a while.")
    ] = None


def read_task(
    body: bytes, allowed: Sequence[str] = (), request_id: str | None = None, task_id: str | None = None
) -> NewTask:
    """The task that an `EnqueueRequest` in JSON asks for, with a new id unless the client chose one.

    `allowed` are patterns of modules, as in `LAPINQ_ALLOWED_MODULES`. Raises `InvalidValue`.
    """
    return TaskReader(allowed, request_id).read(body, task_id or new_id())


def read_batch(body: bytes, allowed: Sequence[str] = (), request_id: str | None = None) -> list[NewTask]:
    """Like `read_task`, for a list of at most `MAX_IN_BATCH` requests. Their ids ascend."""
    asked = decode(_batch, body)
    if len(asked) > MAX_IN_BATCH:
        raise InvalidValue("", f"must be a list of at most {MAX_IN_BATCH} tasks, not {len(asked)}")
    reader = TaskReader(allowed, request_id)
    tasks: list[NewTask] = []
    for index, (one, task_id) in enumerate(zip(asked, new_ids(len(asked)), strict=True)):
        try:
            tasks.append(reader.task(one, task_id))
        except InvalidValue as error:
            raise InvalidValue(f"[{index}].{error.loc}", error.msg) from error
    return tasks


class TaskReader:
    """Makes checked tasks of requests. What a request shares with the one before is not checked again."""

    def __init__(self, allowed: Sequence[str] = (), request_id: str | None = None) -> None:
        self._allowed = allowed
        self._request_id = request_id
        self._now = datetime.now(UTC)
        self._before: EnqueueRequest | None = None
        self._shared: NewTask

    def read(self, body: bytes, task_id: str) -> NewTask:
        """Raises `InvalidValue`."""
        return self.task(decode(_one, body), task_id)

    def task(self, asked: EnqueueRequest, task_id: str) -> NewTask:
        """Takes from `asked` what is its own. Raises `InvalidValue`."""
        args, kwargs, key, metadata = asked.args, asked.kwargs, asked.key, asked.metadata
        asked.args = asked.kwargs = asked.key = asked.metadata = None
        if asked != self._before:
            shared = _shared(asked, self._request_id)
            check_shared(shared, self._now)
            check_allowed(self._allowed, module_path=shared.module_path, task_name=shared.task_name)
            self._before, self._shared = asked, shared
        task = msgspec.structs.replace(
            self._shared, id=task_id, args=args or [], kwargs=kwargs or {}, key=key, metadata=metadata
        )
        check_own(task)
        return task


def _shared(asked: EnqueueRequest, request_id: str | None) -> NewTask:
    task = NewTask(id="", task_name=asked.task_name, module_path=asked.module_path)
    if asked.queue_name is not None:
        task.queue_name = asked.queue_name
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
    task.webhook_url = asked.webhook_url
    task.timeout_seconds = asked.timeout_seconds
    task.request_id = request_id
    if asked.profile:
        task.profile = True
    task.limits = asked.limits or None
    if asked.unique is not None:
        task.unique = asked.unique.read()
    if asked.debounce is not None:
        task.debounce = asked.debounce.read()
    return task


_one = msgspec.json.Decoder(EnqueueRequest)
_batch = msgspec.json.Decoder(list[EnqueueRequest])


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidValue("scheduled_at", "must be an ISO 8601 time such as 2030-01-31T12:00:00Z") from error

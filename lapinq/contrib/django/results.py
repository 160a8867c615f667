"""Makes a `TaskResult` from what lapinq stores of a task and its attempts."""

from __future__ import annotations

import importlib
import re
import uuid
from datetime import datetime  # noqa: TC003  # msgspec reads the annotations
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import msgspec

from lapinq.contrib.django.task import BACKEND_KEY
from lapinq.contrib.django.tasks_framework import (
    Task,
    TaskError,
    TaskResult,
    TaskResultDoesNotExist,
    TaskResultStatus,
)
from lapinq.contrib.django.times import of_the_project
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.inspect import history_statement

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

NO_EXCEPTION = "lapinq.errors.TaskFailed"
"""The class of an error that no exception caused: a time limit, a lost worker, a cancelled task."""

_STATUS = {
    Status.PENDING: TaskResultStatus.READY,
    Status.RUNNING: TaskResultStatus.RUNNING,
    Status.COMPLETED: TaskResultStatus.SUCCESSFUL,
    Status.FAILED: TaskResultStatus.FAILED,
    Status.CANCELLED: TaskResultStatus.FAILED,
    Status.EXPIRED: TaskResultStatus.FAILED,
}


class _Attempt(msgspec.Struct):
    outcome: str
    error: str | None
    traceback: str | None
    started_at: datetime | None
    worker_id: str | None


class _History(msgspec.Struct):
    task_name: str
    module_path: str
    queue_name: str
    priority: int
    args: list[Any]
    kwargs: dict[str, Any]
    metadata: dict[str, Any] | None
    status: Status
    result: str | None
    created_at: datetime
    scheduled_at: datetime | None
    completed_at: datetime | None
    attempts: list[_Attempt]


_decoder = msgspec.json.Decoder(_History)


def load_result(task_id: str, alias: str, connection: BaseDatabaseWrapper) -> TaskResult[..., Any]:
    """The result of a task that the backend `alias` enqueued. Imports the task's module.

    Raises TaskResultDoesNotExist.
    """
    history = _read(task_id, connection)
    # Only what the backend enqueued names a module that may be imported here.
    if history is None or (history.metadata or {}).get(BACKEND_KEY) != alias:
        raise TaskResultDoesNotExist(task_id)
    task = _find_task(task_id, history).using(
        priority=history.priority,
        queue_name=history.queue_name,
        run_after=of_the_project(history.scheduled_at),
        backend=alias,
    )
    # A released attempt used up no start: it never began, was interrupted by a stop of its worker, or snoozed.
    attempts = [attempt for attempt in history.attempts if attempt.outcome not in ("released", "suspended")]
    started = [attempt for attempt in attempts if attempt.started_at is not None]
    result = TaskResult(
        task=task,
        id=task_id,
        status=_STATUS[history.status],
        enqueued_at=of_the_project(history.created_at),
        started_at=of_the_project(started[0].started_at) if started else None,
        finished_at=of_the_project(history.completed_at),
        last_attempted_at=of_the_project(started[-1].started_at) if started else None,
        args=history.args,
        kwargs=history.kwargs,
        backend=alias,
        errors=[
            _error_of(attempt) for attempt in attempts if attempt.outcome not in {"completed", "running"}
        ],
        worker_ids=[attempt.worker_id or "" for attempt in started],
    )
    if history.result is not None:
        object.__setattr__(result, "_return_value", msgspec.json.decode(history.result))
    return result


def class_path_of(error: str, traceback: str) -> str:
    """The path of the exception's class, from the last exception that a traceback shows.

    `error` begins with the name of the class. A traceback leaves out the module of a built-in one.
    """
    name = error.partition(":")[0]
    for path in reversed(_EXCEPTION.findall(traceback)):
        if path.rpartition(".")[2] == name:
            return path if "." in path else f"builtins.{path}"
    return NO_EXCEPTION


_EXCEPTION = re.compile(r"^(?: *\| )?([^\W\d][\w.]*)(?=:|$)", re.MULTILINE)  # behind a bar in a group


def _read(task_id: str, connection: BaseDatabaseWrapper) -> _History | None:
    try:
        uuid.UUID(task_id)
    except ValueError:
        return None
    with connection.cursor() as cursor:
        cursor.execute(history_statement(), {"id": task_id})
        row = cursor.fetchone()
    return _decoder.decode(row[0]) if row else None


def _find_task(task_id: str, history: _History) -> Task[..., Any]:
    where = f"{history.module_path}.{history.task_name}"
    try:
        found = attrgetter(history.task_name)(importlib.import_module(history.module_path))
    except (ImportError, AttributeError) as error:
        raise TaskResultDoesNotExist(f"{task_id}: its task {where} is gone") from error
    if not isinstance(found, Task):
        raise TaskResultDoesNotExist(f"{task_id}: {where} is no longer a task")
    return cast("Task[..., Any]", found)


def _error_of(attempt: _Attempt) -> TaskError:
    error = attempt.error or attempt.outcome
    if not attempt.traceback:
        return TaskError(exception_class_path=NO_EXCEPTION, traceback=error)
    return TaskError(
        exception_class_path=class_path_of(error, attempt.traceback), traceback=attempt.traceback
    )

"""Runs the tasks of `django.tasks` in a worker of lapinq."""

from __future__ import annotations

import functools
import inspect
import os
import platform
from traceback import format_exception
from typing import TYPE_CHECKING, Any, cast

import msgspec
from django.utils import timezone

from lapinq._client.entries.encoding import encode
from lapinq.contrib.django.parameters import signature_of
from lapinq.contrib.django.task import BACKEND_KEY
from lapinq.contrib.django.tasks_framework import (
    Task,
    TaskContext,
    TaskError,
    TaskResult,
    TaskResultStatus,
    task_backends,
    task_finished,
    task_started,
)
from lapinq.contrib.django.times import of_the_project
from lapinq_core.domain.errors import Cancel, OtherVersion, RateLimited, Snooze, Suspend
from lapinq_core.domain.tasks.context import CurrentTask, current_task

if TYPE_CHECKING:
    from collections.abc import Callable


def function_of(found: object) -> Callable[..., Any] | None:
    """The function that a worker calls for a task of Django; None for any other object."""
    if not isinstance(found, Task):
        return None
    task = cast("Task[..., Any]", found)
    run = _coroutine_function(task) if inspect.iscoroutinefunction(task.func) else _plain_function(task)
    # By this the worker reads the arguments as annotated.
    run.__signature__ = signature_of(task)  # pyright: ignore[reportFunctionMemberAccess]
    return run


def _plain_function(task: Task[..., Any]) -> Callable[..., Any]:
    @functools.wraps(task.func)
    def run(*args: Any, **kwargs: Any) -> Any:
        execution = _Execution(task, args, kwargs)
        # Robust: the error of a receiver is logged, and doesn't fail the task.
        task_started.send_robust(**execution.signal())
        try:
            value = task.func(*execution.positional(), **kwargs)
        except BaseException as error:
            if execution.failed(error):
                task_finished.send_robust(**execution.signal())
            raise
        execution.returned(value)
        task_finished.send_robust(**execution.signal())
        return value

    return run


def _coroutine_function(task: Task[..., Any]) -> Callable[..., Any]:
    @functools.wraps(task.func)
    async def run(*args: Any, **kwargs: Any) -> Any:
        execution = _Execution(task, args, kwargs)
        await task_started.asend_robust(**execution.signal())
        try:
            value = await task.func(*execution.positional(), **kwargs)
        except Exception as error:
            if execution.failed(error):
                await task_finished.asend_robust(**execution.signal())
            raise
        execution.returned(value)
        await task_finished.asend_robust(**execution.signal())
        return value

    return run


class _Execution:
    """One attempt, with the `TaskResult` that signals and contexts show.

    It is made without asking the database: what earlier attempts left there comes with `refresh`.
    """

    def __init__(self, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._attempt = current_task()
        self._args = args
        now = timezone.now()
        alias = _backend_of(self._attempt, task)
        self._sender = type(task_backends[alias])
        self._result = TaskResult(
            task=task.using(queue_name=self._attempt.queue, backend=alias),
            id=self._attempt.id,
            status=TaskResultStatus.RUNNING,
            enqueued_at=of_the_project(self._attempt.enqueued_at),
            started_at=now,
            finished_at=None,
            last_attempted_at=now,
            args=msgspec.json.decode(encode(list(args), "args")),
            kwargs=msgspec.json.decode(encode(kwargs, "kwargs")),
            backend=alias,
            errors=[],
            worker_ids=["unknown"] * (self._attempt.attempt - 1) + [f"{platform.node()}:{os.getpid()}"],
        )

    def positional(self) -> tuple[Any, ...]:
        """The arguments of the function."""
        if self._result.task.takes_context:
            return (TaskContext(task_result=self._result), *self._args)
        return self._args

    def signal(self) -> dict[str, Any]:
        """The arguments of a signal."""
        return {"sender": self._sender, "task_result": self._result}

    def returned(self, value: object) -> None:
        self._set(status=TaskResultStatus.SUCCESSFUL, finished_at=timezone.now(), _return_value=value)

    def failed(self, error: BaseException) -> bool:
        """Whether the task is finished with that: there will be no retry."""
        if isinstance(error, Snooze | RateLimited | Suspend | OtherVersion) or (
            self._attempt.attempt <= self._attempt.max_retries and not isinstance(error, Cancel)
        ):
            return False
        kind = type(error)
        described = TaskError(
            exception_class_path=f"{kind.__module__}.{kind.__qualname__}",
            traceback="".join(format_exception(error)),
        )
        self._set(status=TaskResultStatus.FAILED, finished_at=timezone.now(), errors=[described])
        return True

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self._result, name, value)


def _backend_of(attempt: CurrentTask, task: Task[..., Any]) -> str:
    alias: object = attempt.metadata.get(BACKEND_KEY)
    return alias if isinstance(alias, str) and alias in task_backends.settings else task.backend

"""The task class of the backend: Django's, with lapinq's options, and the entry that it enqueues."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict

from lapinq.contrib.django.tasks_framework import Task
from lapinq.contrib.django.times import of_lapinq

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from typing import Unpack

    from lapinq._client.declaring.computed import BoundArguments, KeyOption, LimitsOption

    AnyTask = Task[..., Any]
else:
    AnyTask = Task  # generic for type checkers alone

BACKEND_KEY = "django_backend"
"""The key in a task's metadata with the alias of the backend that enqueued it."""


class Options(TypedDict, total=False):
    """Options of lapinq for a task or, in `OPTIONS`, for all tasks of a backend. Times are in seconds.

    `key` and `limits` may be functions of the arguments of a call.
    """

    max_retries: int | None
    retry_delay: float | None
    retry_backoff: bool | None
    timeout: float | None
    ttl_seconds: float | None
    key: KeyOption | None
    limits: LimitsOption | None


OPTIONS = tuple(Options.__annotations__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LapinqTask(AnyTask):
    """A task that also takes the options of lapinq; None stands for that of the backend."""

    max_retries: int | None = None
    retry_delay: float | None = None
    retry_backoff: bool | None = None
    timeout: float | None = None
    ttl_seconds: float | None = None
    key: KeyOption | None = None
    limits: LimitsOption | None = None

    def using(
        self,
        *,
        priority: int | None = None,
        queue_name: str | None = None,
        run_after: datetime | None = None,
        backend: str | None = None,
        **options: Unpack[Options],
    ) -> LapinqTask:
        """A copy with other options. It takes lapinq's too: `task.using(max_retries=0)`."""
        changes = {
            "priority": priority,
            "queue_name": queue_name,
            "run_after": run_after,
            "backend": backend,
            **options,
        }
        return replace(self, **{name: value for name, value in changes.items() if value is not None})


def entry_of(
    task: AnyTask,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    alias: str,
    defaults: Options,
    bound: Callable[[], BoundArguments] | None = None,
) -> dict[str, Any]:
    """What the backend `alias`, with these defaults, enqueues for a call of the task.

    `bound` are its arguments for functions that compute an option, before they became JSON values. Without them such an
    option is left out.
    """
    options: dict[str, Any] = {**defaults}
    for name in OPTIONS:
        if (value := getattr(task, name, None)) is not None:
            options[name] = value
    if bound is None:
        options = {name: value for name, value in options.items() if not callable(value)}
    elif "key" in options or "limits" in options:
        from lapinq._client.declaring.computed import with_computed

        options = with_computed(options, task.func.__qualname__, bound)
    if "timeout" in options:
        options["timeout_seconds"] = options.pop("timeout")
    return {
        "task_name": task.func.__qualname__,
        "module_path": task.func.__module__,
        "queue_name": task.queue_name,
        "args": list(args),
        "kwargs": dict(kwargs),
        "priority": task.priority,
        "scheduled_at": None if task.run_after is None else of_lapinq(task.run_after).isoformat(),
        "metadata": {BACKEND_KEY: alias},
        **options,
    }

"""What the two queues have in common: their settings and the `task` decorator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, overload

from lapinq._connection import Connection
from lapinq._handling import check_retry_options, check_timeout, make_handling
from lapinq.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime
    from typing import Unpack

    from lapinq import _requests
    from lapinq._handling import NoRetryFor
    from lapinq._options import TaskOptions
    from lapinq._scheduling import ScheduleDecorator, ScheduleOptions
    from lapinq_core.domain.tasks.handling import Handling
    from lapinq_core.domain.tasks.middleware import Middleware
    from lapinq_core.domain.tasks.retry import RetrySchedule

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Connection)


class QueueBase(Generic[C]):
    """Settings are plain attributes and may be changed; the next request goes by them. `middleware` is fixed, for each
    task takes it along to the worker."""

    def __init__(
        self,
        connection: C,
        server_url: str,
        queue_name: str,
        timeout: float,
        api_key: str | None,
        default_ttl_seconds: float | None,
        middleware: Iterable[Middleware] | None,
    ) -> None:
        if not server_url.startswith(("http://", "https://")):
            raise ValueError(f"server_url must begin with http:// or https://, not {server_url!r}")
        self.server_url = server_url
        self.queue_name = queue_name
        self.timeout = timeout
        self.api_key = api_key
        self.default_ttl_seconds = default_ttl_seconds
        self._connection = connection
        self._middleware = _checked(middleware)

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """What stands around its requests, and in a worker around its tasks; the first is the outermost."""
        return self._middleware

    @overload
    def task(self, name: Callable[P, R], /) -> Task[P, R]: ...
    @overload
    def task(
        self,
        name: str | None = None,
        queue_name: str | None = None,
        scheduled_at: str | datetime | None = None,
        max_retries: int | None = None,
        priority: int = 0,
        ttl_seconds: float | None = None,
        metadata: dict[str, Any] | None = None,
        retry_delay: float | None = None,
        retry_backoff: bool | None = None,
        webhook_url: str | None = None,
        *,
        timeout: float | None = None,
        retry: RetrySchedule | Sequence[float] | None = None,
        no_retry_for: NoRetryFor | None = None,
    ) -> TaskDecorator: ...
    def task(
        self,
        name: Callable[P, R] | str | None = None,
        queue_name: str | None = None,
        scheduled_at: str | datetime | None = None,
        max_retries: int | None = None,
        priority: int = 0,
        ttl_seconds: float | None = None,
        metadata: dict[str, Any] | None = None,
        retry_delay: float | None = None,
        retry_backoff: bool | None = None,
        webhook_url: str | None = None,
        *,
        timeout: float | None = None,
        retry: RetrySchedule | Sequence[float] | None = None,
        no_retry_for: NoRetryFor | None = None,
    ) -> Task[P, R] | TaskDecorator:
        """Make a function a task: `@queue.task`, `@queue.task("name")` or `@queue.task(priority=5)`.

        `scheduled_at` without an offset is UTC; `ttl_seconds`, `retry_delay` and `timeout` (of one attempt)
        are seconds. What is None is left to the queue and to the server. A worker finds the function by its
        module and `name`, by default its own.

        `retry` says how long to wait before each retry, in place of `retry_delay` and `retry_backoff`; a list
        is a wait for each, and as many retries. After an exception of `no_retry_for` there is none. Both are
        read by the worker from the code it runs.

        Raises TypeError, ValueError and `lapinq.errors.InvalidValue` for a `timeout` and retries that cannot be.
        """
        handling = make_handling(retry, no_retry_for, self._middleware)
        options: TaskOptions = {
            "queue_name": queue_name,
            "scheduled_at": scheduled_at,
            "max_retries": max_retries,
            "priority": priority,
            "ttl_seconds": ttl_seconds,
            "metadata": metadata,
            "retry_delay": retry_delay,
            "retry_backoff": retry_backoff,
            "webhook_url": webhook_url,
            "timeout": timeout,
        }
        check_retry_options(handling, options)
        check_timeout(options)
        if name is None or isinstance(name, str):
            return TaskDecorator(self, self._connection, name, options, handling)
        return Task(name, self, self._connection, options=options, handling=handling)

    def cron(self, expression: str, tz: str = "UTC", **options: Unpack[ScheduleOptions]) -> ScheduleDecorator:
        """Have a task enqueued at the times of a cron expression, read in the time zone `tz`.

        On a function it makes it a task, as `@queue.task` does; above `@queue.task(...)` that task is enqueued with its
        options. `args` and `kwargs` are the arguments. Nothing is enqueued until a scheduler is told the module. The
        other options are those of a schedule: `name`, `starts_at`, `ends_at`, `jitter`, `misfire`, `misfire_limit` and
        `overlap`.

        Raises TypeError, ValueError and `lapinq.errors.InvalidValue` for what can't be, most of it when it decorates.
        """
        from lapinq._scheduling import ScheduleDecorator, make_plan

        return ScheduleDecorator(self, make_plan({"cron": expression, "timezone": tz}, options))

    def every(self, interval: str, **options: Unpack[ScheduleOptions]) -> ScheduleDecorator:
        """As `cron`, at intervals such as "15m" or "1h30m". They are counted from `starts_at`, else from when the
        schedule was first stored."""
        from lapinq._scheduling import ScheduleDecorator, make_plan

        return ScheduleDecorator(self, make_plan({"every": interval}, options))


class TaskDecorator:
    """What `queue.task(...)` gives. No bare callable: a type checker must tell it from a task."""

    def __init__(
        self,
        queue: _requests.Defaults,
        connection: Connection,
        name: str | None,
        options: TaskOptions,
        handling: Handling | None,
    ) -> None:
        self._queue = queue
        self._connection = connection
        self._name = name
        self._options: TaskOptions = options
        self._handling = handling

    def __call__(self, function: Callable[P, R], /) -> Task[P, R]:
        return Task(
            function,
            self._queue,
            self._connection,
            name=self._name,
            options=self._options,
            handling=self._handling,
        )


def _checked(middleware: Iterable[Middleware] | None) -> tuple[Middleware, ...]:
    given = () if middleware is None else tuple(middleware)
    if not given:
        return ()
    from lapinq._middleware import checked

    return checked(given)

"""What the queues for plain code and for coroutines share: settings, decorators, the request for a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

from lapinq._client.calling.answer import check_enqueued
from lapinq._client.calling.calls import EnqueueBatch
from lapinq._client.declaring.handling import check_retry_options, make_handling
from lapinq._client.declaring.options import check_timeout
from lapinq._client.entries.entry import encode_entry, with_defaults
from lapinq._client.entries.idempotency_key import check_idempotency_key
from lapinq._client.environment import server_address
from lapinq._client.transports import open_transport
from lapinq.task import ScheduleDecorator, Task, TaskDecorator
from lapinq_core.domain.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Unpack

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.transport import Transport
    from lapinq._client.declaring.handling import NoRetryFor
    from lapinq._client.declaring.options import TaskOptions
    from lapinq._client.declaring.schedules import ScheduleOptions
    from lapinq.batch_ref import BatchRef
    from lapinq_core.domain.tasks.middleware import Middleware
    from lapinq_core.domain.tasks.retry import RetrySchedule

P = ParamSpec("P")
R = TypeVar("R")


class QueueBase:
    """Settings are plain attributes. A change applies from the next request on. `middleware` and `typed` can't change,
    because each task takes them along to the worker."""

    def __init__(
        self,
        server_url: str,
        queue_name: str,
        timeout: float,
        api_key: str | None,
        default_ttl_seconds: float | None,
        middleware: Iterable[Middleware] | None,
        *,
        typed: bool,
        raise_errors: bool,
        is_async: bool,
    ) -> None:
        self.server_url, self.api_key = server_address(server_url, api_key)
        self.queue_name = queue_name
        self.timeout = timeout
        self.raise_errors = raise_errors
        self.default_ttl_seconds = default_ttl_seconds
        self._transport = open_transport(self.server_url, is_async=is_async)
        self._is_async = is_async
        self._middleware = _checked_middleware(middleware)
        self._is_typed = typed

    @property
    def transport(self) -> Transport:
        """For other parts of lapinq: what carries the queue's calls."""
        return self._transport

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """Goes around the queue's requests and, in a worker, around its tasks. The first is the outermost."""
        return self._middleware

    @property
    def typed(self) -> bool:
        """Whether the arguments of its tasks arrive as annotated."""
        return self._is_typed

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
        typed: bool | None = None,
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
        typed: bool | None = None,
    ) -> Task[P, R] | TaskDecorator:
        """Make a function a task: `@queue.task`, `@queue.task("name")` or `@queue.task(priority=5)`.

        `scheduled_at` without an offset is UTC; `ttl_seconds`, `retry_delay` and `timeout` (of one attempt)
        are in seconds. None stands for the default of the queue or the server. A worker finds the function by its
        module and `name`, which defaults to the function's name.

        `retry` sets the delay before each retry, instead of `retry_delay` and `retry_backoff`. A list has one delay
        for each retry and so sets their number. An exception listed in `no_retry_for` fails the task without a retry.
        The worker reads both from the code it runs, and also `typed`: whether arguments arrive as annotated.

        Raises TypeError, ValueError and `lapinq.errors.InvalidValue` for a wrong `timeout`, `retry` or `no_retry_for`.
        """
        typed = self._is_typed if typed is None else typed
        handling = make_handling(retry, no_retry_for, self._middleware, typed=typed)
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
            return TaskDecorator(self, self._transport, name, options, handling)
        return Task(name, self, self._transport, options=options, handling=handling)

    def cron(self, expression: str, tz: str = "UTC", **options: Unpack[ScheduleOptions]) -> ScheduleDecorator:
        """Enqueue a task at the times of a cron expression in the time zone `tz`.

        It makes a plain function a task, like `@queue.task`. Above `@queue.task(...)` it enqueues that task with its
        options. `args` and `kwargs` are the arguments. Nothing is enqueued until a scheduler is told the module. The
        other options are those of a schedule: `name`, `starts_at`, `ends_at`, `jitter`, `misfire`, `misfire_limit` and
        `overlap`.

        Raises TypeError, ValueError and `lapinq.errors.InvalidValue`, most of them when it decorates a function.
        """
        from lapinq._client.declaring.schedules import make_plan

        return ScheduleDecorator(self.task(), make_plan({"cron": expression, "timezone": tz}, options))

    def every(self, interval: str, **options: Unpack[ScheduleOptions]) -> ScheduleDecorator:
        """Like `cron`, at intervals such as "15m" or "1h30m". They count from `starts_at`, by default from when the
        schedule is first stored."""
        from lapinq._client.declaring.schedules import make_plan

        return ScheduleDecorator(self.task(), make_plan({"every": interval}, options))

    def _batch(self, entries: Iterable[Mapping[str, Any]], idempotency_key: str | None) -> EnqueueBatch:
        """Raises TypeError or ValueError naming the entry and the value that cannot be sent."""
        check_idempotency_key(idempotency_key)
        encoded = [
            encode_entry(with_defaults(self, entry), f"tasks[{number}].")
            for number, entry in enumerate(entries)
        ]
        if idempotency_key is None and self.raise_errors:
            idempotency_key = new_id()
        return EnqueueBatch(encoded, idempotency_key)

    def _batch_ref(self, answer: Answer) -> BatchRef:
        check_enqueued(answer, "the batch was not enqueued", raise_errors=self.raise_errors)
        from lapinq.batch_ref import BatchRef

        return BatchRef(answer, self, is_async=self._is_async)


def _checked_middleware(middleware: Iterable[Middleware] | None) -> tuple[Middleware, ...]:
    given = () if middleware is None else tuple(middleware)
    if not given:
        return ()
    from lapinq._client.entries.middleware import check_middleware

    return check_middleware(given)

"""What the queues for plain code and for coroutines share: settings, decorators, the request for a batch."""

from __future__ import annotations

import functools
from types import MethodType
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar, cast, overload

from lapinq._client import signals
from lapinq._client.batches import asend_batch, send_batch
from lapinq._client.calling.answer import check_enqueued
from lapinq._client.declaring.handling import check_retry_options, make_handling
from lapinq._client.declaring.options import (
    TaskOptions,
    check_options,
    check_queue,
    refuse_unknown_options,
)
from lapinq._client.environment import server_address
from lapinq._client.transports import open_transport
from lapinq.task import ScheduleDecorator, TaskDecorator

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Literal, Unpack

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.transport import Transport
    from lapinq._client.declaring.computed import KeyOption, LimitsOption
    from lapinq._client.declaring.handling import ExceptionTypes
    from lapinq._client.declaring.rules import BreakerOptions
    from lapinq._client.declaring.schedules import ScheduleOptions
    from lapinq._client.declaring.unique import DebounceOptions, UniqueOption
    from lapinq._client.entries.result_reader import Readers
    from lapinq._client.transaction.connections import ForCoroutines
    from lapinq.batch_ref import BatchRef
    from lapinq.task import Task
    from lapinq.workflow import AsyncWorkflow, Workflow
    from lapinq_core.domain.limits.declared import Rule
    from lapinq_core.domain.tasks.middleware import Middleware
    from lapinq_core.domain.tasks.retry import RetrySchedule

P = ParamSpec("P")
R = TypeVar("R")
V = TypeVar("V")


class _OfAQueue:
    """A method that refuses to be called on the class, as in `@TaskQueue.task`. On a queue it is the method itself."""

    def __init__(self, method: Callable[..., Any]) -> None:
        self._method = method
        functools.update_wrapper(self, method)

    def __get__(self, queue: QueueBase | None, _: type) -> Callable[..., Any]:
        return self if queue is None else MethodType(self._method, queue)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not args or not isinstance(args[0], QueueBase):
            name = self._method.__name__
            raise TypeError(
                f"{name} belongs to a queue, not to its class: write queue = TaskQueue(), then @queue.{name}"
            )
        return self._method(*args, **kwargs)


def _of_a_queue(method: Callable[P, R]) -> Callable[P, R]:
    return cast("Any", _OfAQueue(method))


class QueueBase:
    """Settings are plain attributes. A change applies from the next request on. `middleware` and `typed` can't change,
    because each task takes them along to the worker."""

    __lapinq_rules__: tuple[tuple[str, Rule], ...] = ()  # for a scheduler

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
        check_queue(queue_name, timeout, default_ttl_seconds)
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
    def task(  # pyright: ignore[reportOverlappingOverload]  # a coroutine function first
        self, name: Callable[P, Coroutine[Any, Any, V]], /
    ) -> Task[P, Coroutine[Any, Any, V], V]: ...
    @overload
    def task(self, name: Callable[P, R], /) -> Task[P, R, R]: ...
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
        retry_for: ExceptionTypes | None = None,
        no_retry_for: ExceptionTypes | None = None,
        typed: bool | None = None,
        key: KeyOption | None = None,
        limits: LimitsOption | None = None,
        unique: UniqueOption | None = None,
        debounce: DebounceOptions | None = None,
        version: str | None = None,
    ) -> TaskDecorator: ...
    @_of_a_queue
    def task(
        self,
        name: Callable[P, Any] | str | None = None,
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
        retry_for: ExceptionTypes | None = None,
        no_retry_for: ExceptionTypes | None = None,
        typed: bool | None = None,
        key: KeyOption | None = None,
        limits: LimitsOption | None = None,
        unique: UniqueOption | None = None,
        debounce: DebounceOptions | None = None,
        version: str | None = None,
        **unknown: object,
    ) -> Task[P, Any, Any] | TaskDecorator:
        """Make a function a task: `@queue.task`, `@queue.task("name")` or `@queue.task(priority=5)`.

        `scheduled_at` needs a time zone; `ttl_seconds`, `retry_delay` and `timeout` (of one attempt) are in seconds.
        None stands for the default of the queue or the server. A worker finds the function by its module and `name`,
        which defaults to the function's name.

        `retry` sets the delay before each retry, instead of `retry_delay` and `retry_backoff`. A list has one delay
        for each retry and so sets their number. An exception listed in `no_retry_for` fails the task without a retry,
        and if there is a `retry_for`, so does every other than those in it. The worker reads all three from the code it
        runs, and also `typed`: whether arguments arrive as annotated.

        `key` is the customer, account or device that a call is about: rules of the queue for each key go by it.
        `limits` are the units that a call takes from named limits. Both may be functions of the call's arguments.

        While a task holds the key of `unique`, no other is stored with it. A task with `debounce` starts when calls
        with its key have stopped. The key is a text, or a function of the arguments that returns one, None for no key.

        `version` is that of the steps of a durable task: a task goes on only where its function has the version under
        which it ran its first step.

        Raises TypeError, ValueError and `lapinq.errors.InvalidValue` for a wrong option, TypeError and
        `TaskNotImportable` for a function that no worker can call, and ValueError if another function of the module
        has this name.
        """
        if unknown:
            _refuse_options(unknown)
        typed = self._is_typed if typed is None else typed
        handling = make_handling(
            retry, retry_for, no_retry_for, self._middleware, typed=typed, version=version
        )
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
        check_options(options, raise_errors=self.raise_errors)
        if key is not None or limits is not None:
            from lapinq._client.declaring.computed import check_computed

            options |= {"key": key, "limits": limits}
            check_computed(options)
        if unique is not None or debounce is not None:
            from lapinq._client.declaring.unique import check_unique_options

            options |= {"unique": unique, "debounce": debounce}
            check_unique_options(options)
        if name is None or isinstance(name, str):
            return TaskDecorator(self, self._transport, name, options, handling)
        return TaskDecorator(self, self._transport, None, options, handling)(name)

    @_of_a_queue
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

    @_of_a_queue
    def every(self, interval: str, **options: Unpack[ScheduleOptions]) -> ScheduleDecorator:
        """Like `cron`, at intervals such as "15m" or "1h30m". They count from `starts_at`, by default from when the
        schedule is first stored."""
        from lapinq._client.declaring.schedules import make_plan

        return ScheduleDecorator(self.task(), make_plan({"every": interval}, options))

    def limit(self, name: str, *, max_running: int | None = None, rate: str | None = None) -> None:
        """Declare a named limit, from which tasks of all queues may take: `queue.limit("mailer", rate="60/m")`.

        `rate` is an amount per period, and may have a burst: "60/m", "100/30s", "90000/m/10000". Nothing is limited
        until a scheduler is told the module. The same holds for `policy` and `breaker`.

        Raises TypeError and `lapinq.errors.InvalidValue`.
        """
        from lapinq._client.declaring.rules import declare, make_limit

        declare(self, make_limit(name, max_running, rate))

    def policy(
        self,
        queue_name: str | None = None,
        *,
        max_running: int | None = None,
        max_running_per_key: int | None = None,
        rate: str | None = None,
        rate_per_key: str | None = None,
        order: Literal["priority", "fair", "strict_per_key"] | None = None,
        weights: Mapping[str, float] | None = None,
        breaker: int | BreakerOptions | None = None,
    ) -> None:
        """Declare the policy of a queue, by default this one: `queue.policy("imports", max_running=20, order="fair")`.

        `breaker` is the number of failures in a row that open its circuit breaker, or a dict of its rules.
        """
        from lapinq._client.declaring.rules import declare, make_policy

        name = self.queue_name if queue_name is None else queue_name
        limits = (max_running, max_running_per_key, rate, rate_per_key)
        declare(self, make_policy(name, *limits, order, weights, breaker))

    def breaker(self, task: str | Task[..., Any, Any], /, **rules: Unpack[BreakerOptions]) -> None:
        """Declare the circuit breaker of a task name: `queue.breaker("send_mail", failures_in_row=5)`."""
        from lapinq._client.declaring.rules import declare, make_breaker

        declare(self, make_breaker(task, rules))

    @overload
    def using(self, connection: ForCoroutines) -> AsyncQueueInTransaction: ...  # pyright: ignore[reportOverlappingOverload]  # the rest is for plain code
    @overload
    def using(self, connection: object) -> QueueInTransaction: ...
    def using(self, connection: object) -> QueueInTransaction | AsyncQueueInTransaction:
        """Enqueues batches and workflows in the transaction of `connection`:
        `queue.using(session).batch_enqueue(entries)`.

        All that `Task.using` says holds. With a connection for coroutines, `batch_enqueue` is awaited, whichever the
        queue.
        """
        from lapinq._client.transports import open_in_transaction

        sender, is_async = open_in_transaction(connection)
        return (
            AsyncQueueInTransaction(self, sender, self._read_batch)
            if is_async
            else QueueInTransaction(self, sender, self._read_batch)
        )

    if not TYPE_CHECKING:  # which would take any attribute for one

        def __getattr__(self, name: str) -> Any:
            from lapinq._client.declaring.other_libraries import missing_queue_attribute

            raise missing_queue_attribute(self, name)

    def _read_batch(self, answer: Answer, readers: Readers) -> BatchRef:
        check_enqueued(answer, "the batch was not enqueued", raise_errors=self.raise_errors)
        from lapinq.batch_ref import BatchRef

        return BatchRef(answer, self, readers, is_async=self._is_async)


def _refuse_options(unknown: Mapping[str, object]) -> NoReturn:
    import inspect  # needed after mistakes only

    per_call = sorted(unknown.keys() & TaskOptions.__annotations__.keys())
    if per_call:
        raise TypeError(
            f"{', '.join(per_call)} belongs in options(), for one call: task.options(...).queue()"
        )
    known = inspect.signature(QueueBase.task).parameters
    refuse_unknown_options(unknown, (name for name in known if name not in ("self", "unknown")))


def _checked_middleware(middleware: Iterable[Middleware] | None) -> tuple[Middleware, ...]:
    given = () if middleware is None else tuple(middleware)
    if not given:
        return ()
    from lapinq._client.entries.middleware import check_middleware

    return check_middleware(given)


class QueueInTransaction:
    """Enqueues batches and workflows in the caller's transaction, and sends signals. `TaskQueue.using` makes it."""

    def __init__(
        self, queue: QueueBase, sender: Transport, read: Callable[[Answer, Readers], BatchRef]
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._read = read

    def batch_enqueue(
        self, tasks: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> BatchRef:
        """Like `TaskQueue.batch_enqueue`, for any number of entries. An iterator is never in memory as a whole, unless
        the queue has middleware."""
        return send_batch(self._queue, self._sender, tasks, idempotency_key, self._read, repeats=False)

    def workflow(self, name: str, *, metadata: dict[str, Any] | None = None) -> Workflow:
        """Like `TaskQueue.workflow`: the end of the block stores it, and the commit enqueues it."""
        from lapinq.workflow import Workflow

        return Workflow(self._queue, self._sender, name, metadata, is_async=False, repeats=False)

    def signal(self, task_id: str, name: str, value: object = None) -> None:
        """Like `TaskQueue.signal`: the commit sends it. Under REPEATABLE READ the commit fails if the task was
        suspended meanwhile."""
        signals.signal(self._sender, self._queue, task_id, name, value, repeats=False)


class AsyncQueueInTransaction:
    """The same on a connection for coroutines."""

    def __init__(
        self, queue: QueueBase, sender: Transport, read: Callable[[Answer, Readers], BatchRef]
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._read = read

    async def batch_enqueue(
        self, tasks: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> BatchRef:
        return await asend_batch(self._queue, self._sender, tasks, idempotency_key, self._read, repeats=False)

    def workflow(self, name: str, *, metadata: dict[str, Any] | None = None) -> AsyncWorkflow:
        from lapinq.workflow import AsyncWorkflow

        return AsyncWorkflow(self._queue, self._sender, name, metadata, is_async=True, repeats=False)

    async def signal(self, task_id: str, name: str, value: object = None) -> None:
        await signals.asignal(self._sender, self._queue, task_id, name, value, repeats=False)

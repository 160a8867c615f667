"""A function that can be enqueued, and what `queue.task`, `queue.cron` and `queue.every` return to make one."""

from __future__ import annotations

import functools
import sys
from types import GenericAlias, ModuleType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, NoReturn, ParamSpec, TypeVar, cast, overload

from lapinq._client.calling.answer import check_enqueued
from lapinq._client.calling.calls import Enqueue
from lapinq._client.calling.repeating import adeliver, deliver
from lapinq._client.declaring.function import check_function
from lapinq._client.declaring.handling import check_retry_options, implied_retries
from lapinq._client.declaring.module_path import module_path_of
from lapinq._client.declaring.names import default_name, take_name
from lapinq._client.declaring.options import (
    SHOWN_OPTIONS,
    TaskOptions,
    check_options,
    refuse_unknown_options,
)
from lapinq._client.entries.arguments import Arguments
from lapinq._client.entries.entry import encode_entry, with_defaults
from lapinq._client.entries.idempotency_key import check_idempotency_key
from lapinq._client.entries.import_guard import check_not_imported
from lapinq._client.entries.result_reader import ResultReader
from lapinq._client.entries.scheduled_at import time_after, with_delay
from lapinq.handle import TaskRef, V, enqueued
from lapinq_core.domain.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator, Mapping
    from typing import Unpack

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.transport import Transport
    from lapinq._client.declaring.schedules import DeclaredSchedule, Plan
    from lapinq._client.entries.placeholder import Placeholder
    from lapinq._client.settings import QueueSettings
    from lapinq_core.domain.tasks.durable.calls import Spawning
    from lapinq_core.domain.tasks.functions.handling import Handling
    from lapinq_core.domain.tasks.middleware import Entries

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

_KEPT_WITH = ("key", "limits", "unique", "debounce")
"""A fire-and-forget task with one of these options is a stored task. They may be functions of the arguments."""
_COMPUTED = (*_KEPT_WITH, "delay")
"""What these options mean may depend on the call."""
_PLACE = ("after", "after_failure", "ref")
"""Of a task in a workflow."""

# With these attributes `inspect` takes an object for a function, and recognizes a coroutine function.
_FUNCTION_LIKE = ("__code__", "__defaults__", "__kwdefaults__")


class Member(NamedTuple):
    """A task of a workflow: its entry, the options that say where it stands, and what reads its result."""

    entry: dict[str, Any]
    place: Mapping[str, Any]
    read_result: ResultReader


if TYPE_CHECKING:

    class Added(TaskRef[V]):
        """What `current_task().spawn` and `.workflow.add` return: in plain code the ref, in a coroutine what gives it
        when it is awaited."""

        def __await__(self) -> Generator[Any, None, TaskRef[V]]: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


class Task(Generic[P, R, V]):
    """Calls the function like the function itself, and enqueues calls for a worker.

    Generic in the function's parameters, in what a call returns, and in the result, which a coroutine function returns
    when it is awaited.

    In a class it is like a `staticmethod`: a worker has no instance.
    """

    __lapinq_instead__ = "of a task, pass its result; in a workflow that is what flow.add(...) returns"
    """What an argument may be instead."""

    # For type checkers only: at run time, tools would take the annotations of the class for those of the function.
    if TYPE_CHECKING:
        __name__: str
        __qualname__: str
        __wrapped__: Callable[P, R]
        __lapinq_task__: str
        __lapinq_handling__: Handling
        __lapinq_schedules__: tuple[DeclaredSchedule, ...]
        task_name: str

    def __init__(
        self,
        function: Callable[P, R],
        queue: QueueSettings,
        transport: Transport,
        *,
        name: str | None = None,
        options: TaskOptions | None = None,
        handling: Handling | None = None,
        plans: tuple[Plan, ...] | None = None,
        arguments: Arguments | None = None,
        read_result: ResultReader | None = None,
        sender: Transport | None = None,
    ) -> None:
        """The queue owns `transport`. `sender` enqueues instead of it. `plans` defaults to those of `function`, if that
        is a task itself. Copies share `arguments` and `read_result`.

        Raises TypeError if `function` is none.
        """
        plain = _plain_function(function)
        functools.update_wrapper(self, plain)
        for attribute in _FUNCTION_LIKE:
            if hasattr(plain, attribute):
                setattr(self, attribute, getattr(plain, attribute))
        self.__wrapped__ = plain
        self.task_name = self.__lapinq_task__ = name if name is not None else default_name(plain)
        self._queue = queue
        self._transport = transport
        self._sender = sender or transport
        self._options: TaskOptions = options or {}
        is_typed = handling is None or handling.typed
        self._arguments = arguments or Arguments(plain, self.task_name, typed=is_typed)
        self._read_result = read_result or ResultReader(plain, self.task_name, typed=is_typed)
        self._module: str | None = None
        # A function that wraps another task has copied these from it.
        for copied in ("__lapinq_handling__", "__lapinq_schedules__"):
            vars(self).pop(copied, None)
        self._handling = handling
        if handling is not None:
            self.__lapinq_handling__ = handling  # for a worker
        given = {option: value for option, value in self._options.items() if value is not None}
        given.pop("idempotency_key", None)  # it belongs to the request, not to the task
        self._place = {option: given.pop(option) for option in _PLACE if option in given}
        self._given = given
        self._fields = _as_fields(given, handling) if given.keys().isdisjoint(_COMPUTED) else None
        if plans is None:
            plans = tuple(declared.plan for declared in getattr(function, "__lapinq_schedules__", ()))
        self._plans = plans
        if plans:
            from lapinq._client.declaring.schedules import declare

            self.__lapinq_schedules__ = declare(
                plans, self._scheduled_entry, plain.__module__
            )  # for a scheduler
            self._arguments.forget_annotations()

    if not TYPE_CHECKING:
        # The type of the result has a default, which `Generic` only knows from Python 3.13 on.
        __class_getitem__ = classmethod(GenericAlias)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__wrapped__(*args, **kwargs)

    def queue(self, *args: P.args, **kwargs: P.kwargs) -> TaskRef[V]:
        """Enqueue a call with these arguments. Blocks until the server has answered.

        Before anything is sent, it raises TypeError if the arguments don't fit the function and its annotations or have
        no JSON form, ValueError for NaN and infinities, and `TaskNotImportable`. Raises `RequestRefused` if the task is
        not taken and `ServerUnavailable` if there is no answer. Until the timeout the request is repeated after no
        answer and after a temporary refusal; a task is never enqueued twice by that.
        """
        if not self._queue.middleware:
            return self._send(self._checked_entry(args, kwargs))
        from lapinq._client.entries.middleware import editable_copies, only_entry, pass_through

        entries = editable_copies(self._queue, [self._checked_entry(args, kwargs)])
        return pass_through(self._queue.middleware, entries, lambda passed: self._send(only_entry(passed)))

    async def aqueue(self, *args: P.args, **kwargs: P.kwargs) -> TaskRef[V]:
        """Like `queue`, for coroutines."""
        if not self._queue.middleware:
            return await self._asend(self._checked_entry(args, kwargs))
        from lapinq._client.entries.middleware import apass_through, editable_copies, only_entry

        async def send(entries: Entries) -> TaskRef[V]:
            return await self._asend(only_entry(entries))

        entries = editable_copies(self._queue, [self._checked_entry(args, kwargs)])
        return await apass_through(self._queue.middleware, entries, send)

    def entry(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """The entry that `queue` would send with these arguments, for `batch_enqueue`."""
        if self._options.get("idempotency_key") is not None:
            raise TypeError("an entry has no idempotency_key: give it to batch_enqueue")
        entry = self._checked_entry(args, kwargs, checks_types=True)
        self._read_result.know_by(entry)
        return entry

    def options(self, **changes: Unpack[TaskOptions]) -> Task[P, R, V]:
        """A copy with other options: `add.options(priority=5).queue(1, 2)`.

        With a `delay`, or `countdown`, in seconds or as a timedelta, each call starts so much later.

        With an `idempotency_key`, the same request within a day enqueues nothing and returns the same id.

        `after`, `after_failure` and `ref` are for `Workflow.add`: tasks that end before it starts, what happens if one
        of them does not complete ("cancel", "run" or "fail"), and its name in the workflow. For `current_task().spawn`
        a `ref` is the name of the step.
        """
        unknown = changes.keys() - TaskOptions.__annotations__.keys()
        if unknown & {"retry", "retry_for", "no_retry_for", "typed", "version"}:
            raise TypeError(
                "retry, retry_for, no_retry_for, typed and version belong in the decorator: the worker reads them from"
                " the code"
            )
        if unknown:
            refuse_unknown_options(unknown, TaskOptions.__annotations__)
        check_retry_options(self._handling, changes)
        check_options(changes, raise_errors=self._queue.raise_errors)
        check_idempotency_key(changes.get("idempotency_key"))
        if changes.keys() & {"key", "limits"}:
            from lapinq._client.declaring.computed import check_computed

            check_computed(changes)
        options = cast("TaskOptions", with_delay(self._options, changes))
        if "unique" in changes or "debounce" in changes:
            from lapinq._client.declaring.unique import check_unique_options

            check_unique_options(options)
        if changes.keys() & {*_PLACE}:
            from lapinq._client.declaring.place import check_place

            check_place(options)
        return self._copy(options, (), self._sender)

    def using(self, connection: object) -> Task[P, R, V]:
        """A copy that enqueues in the transaction of `connection`: `confirm.using(session).queue(order_id)`.

        The task exists if and only if that transaction commits. `connection` is one of psycopg, SQLAlchemy, asyncpg or
        Django, or a session of SQLAlchemy, to the database of lapinq. With one for coroutines, use `aqueue`. Its errors
        are those of the driver. Raises TypeError for anything else.
        """
        from lapinq._client.transports import open_in_transaction

        return self._copy(self._options, (), open_in_transaction(connection)[0])

    def scheduled(self, plan: Plan) -> Task[P, R, V]:
        """A copy with one more schedule. `queue.cron` and `queue.every` use it."""
        return self._copy(self._options, (*self._plans, plan), self._sender)

    def __lapinq_member__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], json_of: Callable[[Placeholder], Any]
    ) -> Member:
        """A call as a task of a workflow, with what `json_of` makes of placeholders. Raises like `entry`."""
        if self._options.get("idempotency_key") is not None:
            raise TypeError(f"{self.task_name}(): a task of a workflow has no idempotency_key")
        if self._sender is not self._transport:
            raise TypeError(
                f"{self.task_name}(): a workflow is stored as a whole: queue.using(connection).workflow(...)"
            )
        self._arguments.check(args, kwargs)
        known_args, known_kwargs = self._arguments.with_references(args, kwargs, json_of)
        entry = {**self._entry(args, kwargs), "args": known_args, "kwargs": known_kwargs}
        return Member(with_defaults(self._queue, entry), self._place, self._read_result)

    def __lapinq_add__(self, workflow_id: str, /, *args: P.args, **kwargs: P.kwargs) -> Added[V]:
        """Adds a call to a workflow that has not ended: `current_task().workflow.add`."""
        from lapinq._client.workflows import asend_task, send_task

        member = self.__lapinq_member__(args, kwargs, _refuse_node)
        for one in member.place.get("after", ()):
            if not isinstance(one, str):
                _refuse_node(one)
        entry: dict[str, Any] = {
            "ref": f"{self.__name__}-{new_id()[-12:]}",
            "after": (),
            **member.entry,
            **member.place,
        }
        queue, transport, is_async = self._queue, self._transport, _has_event_loop()

        def read(task_id: str) -> TaskRef[V]:
            return self._ref(enqueued(task_id), is_async=is_async)

        async def add() -> TaskRef[V]:
            return read(await asend_task(queue, transport, workflow_id, entry))

        added: Any = add() if is_async else read(send_task(queue, transport, workflow_id, entry))
        return added

    def __lapinq_spawn__(self, *args: P.args, **kwargs: P.kwargs) -> Spawning[Added[V]]:
        """A call to be enqueued by a step of a durable task: `current_task().spawn`. Raises like `entry`."""
        from lapinq._client.entries.spawned import Spawned

        if self._options.get("idempotency_key") is not None:
            raise TypeError(
                f"{self.task_name}(): what a step spawns needs no idempotency_key: it is enqueued once"
            )
        if self._sender is not self._transport:
            raise TypeError(
                f"{self.task_name}(): spawn stores the task with its step: use current_task().using(connection)"
            )
        entry = self._checked_entry(args, kwargs, may_have_ref=True)
        name = cast("str", self._place.get("ref", self.task_name))
        spawned: Any = Spawned(name, self._queue, entry, lambda entry: self._call(entry).entry, self._ref)
        return spawned

    @property
    def __lapinq_defaults__(self) -> dict[str, Any]:
        """How its calls are enqueued, for lists of the tasks that a worker knows."""
        shown = {option: self._options.get(option) for option in SHOWN_OPTIONS}
        complete = with_defaults(self._queue, shown)
        return {option: value for option, value in complete.items() if value is not None}

    if not TYPE_CHECKING:  # which would take any attribute for one

        def __getattr__(self, name: str) -> Any:
            from lapinq._client.declaring.other_libraries import missing_attribute

            raise missing_attribute(self, vars(self).get("task_name", ""), name)

    def __reduce__(self) -> str:
        return self.__wrapped__.__qualname__  # by reference, as functions are pickled

    def __repr__(self) -> str:
        return f"<lapinq task {self.__wrapped__.__module__}.{self.task_name}>"

    def _copy(self, options: TaskOptions, plans: tuple[Plan, ...], sender: Transport) -> Task[P, R, V]:
        return Task(
            self.__wrapped__,
            self._queue,
            self._transport,
            name=self.task_name,
            options=options,
            handling=self._handling,
            plans=plans,
            arguments=self._arguments,
            read_result=self._read_result,
            sender=sender,
        )

    def _send(self, entry: dict[str, Any]) -> TaskRef[V]:
        queue = self._queue
        answer = deliver(self._sender, self._call(entry), queue, repeats=self._repeats)
        return self._ref(answer, is_async=False)

    async def _asend(self, entry: dict[str, Any]) -> TaskRef[V]:
        queue = self._queue
        answer = await adeliver(self._sender, self._call(entry), queue, repeats=self._repeats)
        return self._ref(answer, is_async=True)

    @property
    def _repeats(self) -> bool:
        # What failed in the caller's transaction is for the caller to repeat.
        return self._queue.raise_errors and self._sender is self._transport

    def _call(self, entry: dict[str, Any]) -> Enqueue:
        check_not_imported(self.task_name)
        complete = with_defaults(self._queue, self._arguments.encode(entry))
        key = self._options.get("idempotency_key")
        is_kept = complete["ttl_seconds"] != 0 or any(complete.get(name) for name in _KEPT_WITH)
        has_id = self._queue.raise_errors and key is None and is_kept
        return Enqueue(encode_entry(complete), key, new_id() if has_id else None)

    def _ref(self, answer: Answer, *, is_async: bool) -> TaskRef[V]:
        what = f"task {self.task_name} was not enqueued"
        check_enqueued(answer, what, raise_errors=self._queue.raise_errors)
        queue = self._queue
        return TaskRef(
            answer,
            queue.server_url,
            queue.api_key,
            is_async,
            timeout=queue.timeout,
            transport=self._transport,
            read_result=self._read_result,
        )

    def _scheduled_entry(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], module_path: str = ""
    ) -> dict[str, Any]:
        """The `EntryMaker` of its schedules."""
        entry = self._checked_entry(args, kwargs, module_path)
        return with_defaults(self._queue, self._arguments.encode(entry))

    def _checked_entry(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        module_path: str = "",
        *,
        checks_types: bool = False,
        may_have_ref: bool = False,
    ) -> dict[str, Any]:
        self._arguments.check(args, kwargs)
        # Before functions of options get them.
        if checks_types or not self._given.keys().isdisjoint(_KEPT_WITH):
            self._arguments.check_types(args, kwargs)
        if self._place and not (may_have_ref and self._place.keys() == {"ref"}):
            from lapinq._client.declaring.place import refuse_place

            refuse_place(self.task_name, self._place)
        return self._entry(args, kwargs, module_path)

    def _entry(self, args: tuple[Any, ...], kwargs: dict[str, Any], module_path: str = "") -> dict[str, Any]:
        fields = self._fields
        if fields is None:
            fields = _as_fields(self._computed(args, kwargs), self._handling)
        return {
            "task_name": self.task_name,
            "module_path": module_path or self._module_path(),
            "args": list(args),
            "kwargs": dict(kwargs),
            **fields,
        }

    def _computed(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Its options, as this call decides them."""
        options = self._given
        if "key" in options or "limits" in options:
            from lapinq._client.declaring.computed import with_computed

            options = with_computed(options, self.task_name, lambda: self._arguments.bound(args, kwargs))
        if "unique" in options or "debounce" in options:
            from lapinq._client.declaring.unique import with_keys

            options = with_keys(options, self.task_name, lambda: self._arguments.bound(args, kwargs))
        if "delay" in options:
            options = {**options, "scheduled_at": time_after(cast("Any", options["delay"]))}
            del options["delay"]
        return options

    def _module_path(self) -> str:
        if self._module is None:
            self._module = module_path_of(self.__wrapped__, self.task_name, Task)
        return self._module


def _as_fields(options: dict[str, Any], handling: Handling | None) -> dict[str, Any]:
    """The options as fields of an entry."""
    fields = dict(options)
    if "timeout" in fields:
        fields["timeout_seconds"] = fields.pop("timeout")
    if "max_retries" not in fields and (retries := implied_retries(handling)) is not None:
        fields["max_retries"] = retries
    return fields


class TaskDecorator:
    """A class and not a plain function, so that a type checker tells it apart from a task."""

    def __init__(
        self,
        queue: QueueSettings,
        transport: Transport,
        name: str | None,
        options: TaskOptions,
        handling: Handling | None,
    ) -> None:
        self._queue = queue
        self._transport = transport
        self._name = name
        self._options: TaskOptions = options
        self._handling = handling

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]  # a coroutine function first
        self, function: Callable[P, Coroutine[Any, Any, V]], /
    ) -> Task[P, Coroutine[Any, Any, V], V]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...
    def __call__(self, function: Callable[P, Any], /) -> Task[P, Any, Any]:
        task: Task[P, Any, Any] = Task(
            function,
            self._queue,
            self._transport,
            name=self._name,
            options=self._options,
            handling=self._handling,
        )
        check_function(task.__wrapped__, self._name)
        take_name(task.__wrapped__, task.task_name)
        return task


class ScheduleDecorator:
    """Gives a task the schedule. `task_decorator` first makes a plain function a task."""

    def __init__(self, task_decorator: TaskDecorator, plan: Plan) -> None:
        self._task_decorator = task_decorator
        self._plan = plan

    @overload
    def __call__(  # pyright: ignore[reportOverlappingOverload]  # a coroutine function first
        self, function: Callable[P, Coroutine[Any, Any, V]], /
    ) -> Task[P, Coroutine[Any, Any, V], V]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R, R]: ...
    def __call__(self, function: Callable[P, Any], /) -> Task[P, Any, Any]:
        task: Task[P, Any, Any] = _existing_task(function) or self._task_decorator(function)
        return task.scheduled(self._plan)


def _refuse_node(node: Placeholder) -> NoReturn:
    raise ValueError(f'{node!r} belongs to a workflow that is being built: name refs, as in after=["fetch"]')


def _has_event_loop() -> bool:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _existing_task(function: Any) -> Any:
    inner: Any = function.__wrapped__ if isinstance(function, staticmethod) else function
    return cast("Any", inner) if type(inner) is Task else None


def _plain_function(function: Callable[P, R]) -> Callable[P, R]:
    plain: Any = function
    if isinstance(plain, (staticmethod, Task)):
        plain = cast("Any", plain).__wrapped__
    if isinstance(plain, type) or not callable(plain) or not hasattr(plain, "__qualname__"):
        raise TypeError(f"only a function can be a task, not {function!r}")
    return cast("Callable[P, R]", plain)


class _Module(ModuleType):
    """`from lapinq import task` gives this module, where other libraries have a decorator."""

    def __call__(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError(
            "lapinq.task is a module: tasks belong to a queue. Write queue = TaskQueue(), then @queue.task above the"
            " function"
        )


sys.modules[__name__].__class__ = _Module

"""A function that can be enqueued: what the `task` decorator makes of it."""

from __future__ import annotations

import functools
import inspect
import sys
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, overload

from lapinq import _requests
from lapinq._encoding import encode
from lapinq._handling import check_retry_options, check_timeout, implied_retries
from lapinq._naming import default_name, importable_module, is_local
from lapinq._options import TaskOptions
from lapinq._refusals import log_refusal
from lapinq.errors import TaskNotImportable
from lapinq.handle import TaskRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self, Unpack

    import httpx

    from lapinq._connection import Connection
    from lapinq._scheduling import Declared, Plan
    from lapinq_core.domain.tasks.handling import Handling
    from lapinq_core.domain.tasks.middleware import Entries

P = ParamSpec("P")
R = TypeVar("R", covariant=True)

# What makes an object look like a function to `inspect`, so that a coroutine function is still known as one.
_FUNCTION_LIKE = ("__code__", "__defaults__", "__kwdefaults__")


class Task(Generic[P, R]):
    """The function itself when called, with ways to have a worker call it.

    As with a function, access through an instance binds it; a worker has no instance, so in a class only a
    `staticmethod` can be enqueued.
    """

    # Hidden at run time: annotations of the class would pass for those of the function.
    if TYPE_CHECKING:
        __name__: str
        __qualname__: str
        __wrapped__: Callable[P, R]
        __lapinq_task__: str
        __lapinq_handling__: Handling
        __lapinq_schedules__: tuple[Declared, ...]
        task_name: str

    def __init__(
        self,
        function: Callable[P, R],
        queue: _requests.Defaults,
        connection: Connection,
        *,
        name: str | None = None,
        options: TaskOptions | None = None,
        handling: Handling | None = None,
        plans: tuple[Plan, ...] | None = None,
    ) -> None:
        """`connection` belongs to the queue; `plans` are by default those of a task that is made another.

        Raises TypeError for what is no function.
        """
        plain = _plain_function(function)
        functools.update_wrapper(self, plain)
        for attribute in _FUNCTION_LIKE:
            if hasattr(plain, attribute):
                setattr(self, attribute, getattr(plain, attribute))
        self.__wrapped__ = plain
        self.task_name = self.__lapinq_task__ = name if name is not None else default_name(plain)
        self._queue = queue
        self._connection = connection
        self._options: TaskOptions = options or {}
        self._found_in: str | None = None
        # A function that wraps another task brings along what that one had.
        for inherited in ("__lapinq_handling__", "__lapinq_schedules__", "_signature"):
            vars(self).pop(inherited, None)
        self._handling = handling
        if handling is not None:
            self.__lapinq_handling__ = handling  # where a worker looks for it
        if plans is None:
            plans = tuple(declared.plan for declared in getattr(function, "__lapinq_schedules__", ()))
        self._plans = plans
        if plans:
            from lapinq._scheduling import declare

            # Where a scheduler looks for them.
            self.__lapinq_schedules__ = declare(plans, self._planned, plain.__module__)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.__wrapped__(*args, **kwargs)

    def queue(self, *args: P.args, **kwargs: P.kwargs) -> TaskRef:
        """Have a worker call the function. Blocks until the server has answered.

        Before anything is sent: TypeError when the arguments do not fit the function or have no JSON form,
        ValueError for NaN and infinities, `TaskNotImportable`. Raises `ServerUnavailable` without an answer;
        a refusal is logged and is in the ref, whose `task_id` raises it.
        """
        if not self._queue.middleware:
            return self._send(self._checked_entry(args, kwargs))
        from lapinq._middleware import only, opened, pass_through

        entries = opened(self._queue, [self._checked_entry(args, kwargs)])
        return pass_through(self._queue.middleware, entries, lambda passed: self._send(only(passed)))

    async def aqueue(self, *args: P.args, **kwargs: P.kwargs) -> TaskRef:
        """As `queue`, for coroutines."""
        if not self._queue.middleware:
            return await self._asend(self._checked_entry(args, kwargs))
        from lapinq._middleware import apass_through, only, opened

        async def send(entries: Entries) -> TaskRef:
            return await self._asend(only(entries))

        entries = opened(self._queue, [self._checked_entry(args, kwargs)])
        return await apass_through(self._queue.middleware, entries, send)

    def entry(self, *args: P.args, **kwargs: P.kwargs) -> dict[str, Any]:
        """What `queue` would send with these arguments, for `batch_enqueue`, which takes the idempotency key."""
        if self._options.get("idempotency_key") is not None:
            raise TypeError("an entry has no idempotency_key of its own: give it to batch_enqueue")
        return self._checked_entry(args, kwargs)

    def options(self, **changes: Unpack[TaskOptions]) -> Task[P, R]:
        """A copy that is enqueued differently: `add.options(priority=5).queue(1, 2)`.

        With an `idempotency_key` the same request, sent again within a day, enqueues nothing and gets the same id.
        """
        unknown = changes.keys() - TaskOptions.__annotations__.keys()
        if unknown & {"retry", "no_retry_for"}:
            raise TypeError("retry and no_retry_for are the decorator's: the worker reads them from the code")
        if unknown:
            raise TypeError(f"a task has no option {', '.join(map(repr, sorted(unknown)))}")
        check_retry_options(self._handling, changes)
        check_timeout(changes)
        _requests.check_key(changes.get("idempotency_key"))
        return self._copy({**self._options, **changes}, ())

    def scheduled(self, plan: Plan) -> Task[P, R]:
        """A copy that has this schedule besides its others: what `queue.cron` and `queue.every` do."""
        return self._copy(self._options, (*self._plans, plan))

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> Callable[..., R]: ...
    def __get__(self, instance: object | None, owner: type | None = None) -> Self | Callable[..., R]:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> str:
        return self.__wrapped__.__qualname__  # by reference, as functions are pickled

    def __repr__(self) -> str:
        return f"<lapinq task {self.__wrapped__.__module__}.{self.task_name}>"

    def _copy(self, options: TaskOptions, plans: tuple[Plan, ...]) -> Task[P, R]:
        return Task(
            self.__wrapped__,
            self._queue,
            self._connection,
            name=self.task_name,
            options=options,
            handling=self._handling,
            plans=plans,
        )

    def _send(self, entry: dict[str, Any]) -> TaskRef:
        call = _requests.enqueue(self._queue, self._encoded(entry), self._options.get("idempotency_key"))
        return self._ref(self._connection.send(call), is_async=False)

    async def _asend(self, entry: dict[str, Any]) -> TaskRef:
        call = _requests.enqueue(self._queue, self._encoded(entry), self._options.get("idempotency_key"))
        return self._ref(await self._connection.asend(call), is_async=True)

    def _planned(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], module_path: str = ""
    ) -> dict[str, Any]:
        """What is enqueued at each tick. With `module_path` nobody looks whether a worker finds the function."""
        entry = self._checked_entry(args, kwargs, module_path)
        return _requests.completed(self._queue, self._encoded(entry))

    def _checked_entry(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], module_path: str = ""
    ) -> dict[str, Any]:
        self._check_arguments(args, kwargs)
        options = {option: value for option, value in self._options.items() if value is not None}
        options.pop("idempotency_key", None)  # it names the request and not the task
        if "timeout" in options:
            options["timeout_seconds"] = options.pop("timeout")
        if "max_retries" not in options and (retries := implied_retries(self._handling)) is not None:
            options["max_retries"] = retries
        return {
            "task_name": self.task_name,
            "module_path": module_path or self._module_path(),
            "args": list(args),
            "kwargs": dict(kwargs),
            **options,
        }

    def _encoded(self, entry: dict[str, Any]) -> dict[str, Any]:
        """With the arguments as JSON. Errors name the parameter that got what cannot be sent."""
        names = self._positional_names()
        args = [encode(value, self._blame(next(names, n))) for n, value in enumerate(entry.get("args") or ())]
        given: dict[str, Any] = entry.get("kwargs") or {}
        kwargs = {key: encode(value, self._blame(key)) for key, value in given.items()}
        return {**entry, "args": args, "kwargs": kwargs}

    def _ref(self, response: httpx.Response, *, is_async: bool) -> TaskRef:
        log_refusal(response, f"task {self.task_name} was not enqueued")
        queue = self._queue
        return TaskRef(
            response,
            queue.server_url,
            queue.api_key,
            is_async,
            timeout=queue.timeout,
            connection=self._connection,
        )

    @functools.cached_property
    def _signature(self) -> inspect.Signature | None:
        try:
            # Not that of an inner function: a decorator between may supply arguments of its own.
            return inspect.signature(self.__wrapped__, follow_wrapped=False)
        except ValueError:  # written in C, without a signature
            return None

    def _check_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if self._signature is not None:
            try:
                self._signature.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{self.task_name}(): {error}") from None

    def _positional_names(self) -> Iterator[str]:
        parameters = self._signature.parameters.values() if self._signature is not None else ()
        return (
            one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)
        )

    def _blame(self, argument: str | int) -> str:
        label = repr(argument) if isinstance(argument, str) else str(argument + 1)
        return f"{self.task_name}(): argument {label}"

    def _module_path(self) -> str:
        if self._found_in is None:
            self._check_findable()
            self._found_in = importable_module(self.__wrapped__)
        return self._found_in

    def _check_findable(self) -> None:
        """A worker looks for a module variable that holds this task, then for an attribute of its name."""
        function = self.__wrapped__
        qualname: str = function.__qualname__
        by_attribute = qualname == self.task_name and not is_local(function)
        if "." not in qualname or by_attribute or self._is_module_variable():
            return
        if is_local(function):
            raise TaskNotImportable(
                f"task {self.task_name!r} is defined inside {qualname.partition('.<locals>')[0]}(), where no"
                " worker can find it. Move it to the top level of its module.",
                task_name=self.task_name,
            )
        raise TaskNotImportable(
            f"task {self.task_name!r} is {qualname!r} in its module, where no worker finds it under another"
            " name. Leave out name=, or move it to the top level of its module.",
            task_name=self.task_name,
        )

    def _is_module_variable(self) -> bool:
        module = sys.modules.get(self.__wrapped__.__module__)
        held: list[Any] = list(vars(module).values()) if module is not None else []
        return any(
            value.task_name == self.task_name and value.__wrapped__ is self.__wrapped__
            for value in held
            if type(value) is Task  # not isinstance, which runs code of lazy proxies
        )


def _plain_function(function: Callable[P, R]) -> Callable[P, R]:
    plain: Any = function
    if isinstance(plain, (staticmethod, Task)):
        plain = cast("Any", plain).__wrapped__
    if isinstance(plain, type) or not callable(plain) or not hasattr(plain, "__qualname__"):
        raise TypeError(f"only a function can be a task, not {function!r}")
    return cast("Callable[P, R]", plain)

"""The call that an assertion looks for."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lapinq._client.entries.encoding import encode
from lapinq.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lapinq_core.domain.tasks.task import NewTask


class HasFunction(Protocol):
    """A task of another framework, such as Django's."""

    @property
    def func(self) -> Callable[..., Any]: ...


AnyTask = Task[..., Any] | HasFunction | str


class Wanted:
    """A call of a task, by the task or its name. `args`, `kwargs` and `queue` None stand for any."""

    def __init__(
        self,
        task: AnyTask,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
        queue: str | None,
    ) -> None:
        """Raises TypeError and ValueError for an argument that JSON doesn't have."""
        if args is not None and not isinstance(args, (list, tuple)):
            raise TypeError(f"args must be a list of the positional arguments, not {args!r}")
        if kwargs is not None and not hasattr(kwargs, "items"):
            raise TypeError(f"kwargs must be a dict of the keyword arguments, not {kwargs!r}")
        self._module, self._name, self._function = _parts(task)
        self._queue = queue
        self._text = self._name if self._module is None else f"{self._module}.{self._name}"
        self._call: Any = None
        if args is not None or kwargs is not None:
            args, kwargs = args or (), kwargs or {}
            given = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
            self._text += f"({', '.join(given)})"
            positional = [_as_json(value, f"args[{number}]") for number, value in enumerate(args)]
            self._call = self._bound(positional, {name: _as_json(kwargs[name], name) for name in kwargs})

    def matches(self, enqueued: NewTask) -> bool:
        return (
            enqueued.task_name == self._name
            and self._module in (None, "__main__", enqueued.module_path)
            and self._queue in (None, enqueued.queue_name)
            and (self._call is None or self._bound(enqueued.args, enqueued.kwargs) == self._call)
        )

    def was_enqueued(self, found: int, times: int | None) -> str:
        """The sentence for a count that is not as expected."""
        count = "not enqueued" if not found else "enqueued once" if found == 1 else f"enqueued {found} times"
        place = "" if self._queue is None else f" in queue {self._queue!r}"
        expected = "" if times is None or (times == 1 and not found) else f", not {times} times"
        return f"{self._text} was {count}{place}{expected}."

    def _bound(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The arguments by parameter, where the parameters are known and the arguments fit."""
        if self._function is not None:
            try:
                # Without following __wrapped__: a decorator in between may supply arguments itself.
                signature = inspect.signature(self._function, follow_wrapped=False)
                return signature.bind(*args, **kwargs).arguments
            except (TypeError, ValueError):
                pass
        return list(args), dict(kwargs)


def _parts(task: AnyTask) -> tuple[str | None, str, Callable[..., Any] | None]:
    if isinstance(task, str):
        return None, task, None
    if isinstance(task, Task):
        return task.__wrapped__.__module__, task.task_name, task.__wrapped__
    if not hasattr(task, "func"):
        raise TypeError(f"task must be a task or the name of one, not {task!r}")
    return task.func.__module__, task.func.__qualname__, task.func


def _as_json(value: Any, name: str) -> Any:
    return msgspec.json.decode(encode(value, name))

"""The tasks that a test has enqueued, and assertions on them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.entries.encoding import encode
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lapinq.task import Task

MAX_LISTED = 50


class Attempt(msgspec.Struct, kw_only=True):
    """One run of a task's function. `error` and `traceback` say why it did not complete, `delay` in how many seconds
    the task runs again, None if it doesn't. `progress` has each percentage with its message, `log` the logged lines."""

    number: int
    error: str | None = None
    traceback: str | None = None
    delay: float | None = None
    progress: list[tuple[int, str | None]] = msgspec.field(default_factory=list[tuple[int, str | None]])
    log: str = ""


class EnqueuedTask(NewTask, kw_only=True):
    """What was enqueued, by the names of the HTTP API, and what became of it.

    `args`, `kwargs` and `metadata` are as JSON has them. `result` is JSON text, as in the API.
    """

    status: Status = Status.PENDING
    result: str | None = None
    error: str | None = None
    attempts: list[Attempt] = msgspec.field(default_factory=list[Attempt])

    def __str__(self) -> str:
        named = [f"{name}={value!r}" for name, value in self.kwargs.items()]
        call = ", ".join([*map(repr, self.args), *named])
        return f"{self.module_path}.{self.task_name}({call}) in queue {self.queue_name!r}"


class EnqueuedTasks:
    """The tasks in the order in which they were enqueued."""

    def __init__(self) -> None:
        self._tasks: list[EnqueuedTask] = []

    def __iter__(self) -> Iterator[EnqueuedTask]:
        return iter(list(self._tasks))

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: int) -> EnqueuedTask:
        return self._tasks[index]

    def clear(self) -> None:
        """Forget those enqueued so far."""
        self._tasks.clear()

    def add(self, task: EnqueuedTask) -> None:
        self._tasks.append(task)

    def remove(self, task: EnqueuedTask) -> None:
        """Does nothing if it is not there."""
        self._tasks = [one for one in self._tasks if one is not task]

    def assert_enqueued(
        self,
        task: Task[..., Any] | str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
        times: int | None = None,
    ) -> list[EnqueuedTask]:
        """The tasks that match. Raises AssertionError, which lists what was enqueued, if there are none; with `times`
        if there are not exactly so many, and 0 means none.

        `task` is a task or its name. `args` and `kwargs` are all arguments of the call; whether one was given by
        position or by name makes no difference for a task. None of both stands for any.
        """
        __tracebackhide__ = True
        call = None if args is None and kwargs is None else _call(task, args or (), kwargs or {})
        found = [
            one
            for one in self._tasks
            if _is_of(one, task)
            and (queue is None or one.queue_name == queue)
            and (call is None or _bound(task, one.args, one.kwargs) == call)
        ]
        if not found if times is None else len(found) != times:
            raise AssertionError(f"{_told(task, args, kwargs, queue, len(found), times)}.\n{self._listed()}")
        return found

    def _listed(self) -> str:
        if not self._tasks:
            return "Nothing was enqueued."
        lines = [f"  {task}" for task in self._tasks[:MAX_LISTED]]
        if len(self._tasks) > MAX_LISTED:
            lines.append(f"  … and {len(self._tasks) - MAX_LISTED} more")
        return "\n".join(["Enqueued, in this order:", *lines])


def _is_of(enqueued: EnqueuedTask, task: Task[..., Any] | str) -> bool:
    if isinstance(task, str):
        return enqueued.task_name == task
    if enqueued.task_name != task.task_name:
        return False
    module = task.__wrapped__.__module__
    return enqueued.module_path == module or module == "__main__"


def _call(task: Task[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    positional = [_as_json(value, f"args[{number}]") for number, value in enumerate(args)]
    return _bound(task, positional, {name: _as_json(value, name) for name, value in kwargs.items()})


def _as_json(value: Any, name: str) -> Any:
    return msgspec.json.decode(encode(value, name))


def _bound(task: Task[..., Any] | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The arguments by parameter, where the parameters are known and the arguments fit."""
    if not isinstance(task, str):
        function: Callable[..., Any] = task.__wrapped__
        try:
            # Without following __wrapped__: a decorator in between may supply arguments itself.
            signature = inspect.signature(function, follow_wrapped=False)
            return signature.bind(*args, **kwargs).arguments
        except (TypeError, ValueError):
            pass
    return list(args), dict(kwargs)


def _told(
    task: Task[..., Any] | str,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    queue: str | None,
    found: int,
    wanted: int | None,
) -> str:
    name = task if isinstance(task, str) else f"{task.__wrapped__.__module__}.{task.task_name}"
    given = [*map(repr, args or ()), *(f"{key}={value!r}" for key, value in (kwargs or {}).items())]
    call = "" if args is None and kwargs is None else f"({', '.join(given)})"
    count = (
        "was not enqueued"
        if not found
        else "was enqueued once"
        if found == 1
        else f"was enqueued {found} times"
    )
    expected = "" if wanted is None or (wanted == 1 and not found) else f", not {wanted} times"
    return f"{name}{call} {count}" + ("" if queue is None else f" in queue {queue!r}") + expected

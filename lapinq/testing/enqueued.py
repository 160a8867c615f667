"""The tasks that a test has enqueued, and assertions on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from lapinq.testing.wanted import Wanted
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from lapinq.testing.wanted import AnyTask

MAX_LISTED = 50
_UNSURE = (
    " Its connection does not tell whether its transaction commits, so a rollback takes nothing back here: test it"
    " with the fixture lapinq_database."
)


class Attempt(msgspec.Struct, kw_only=True):
    """One run of a task's function. `error` and `traceback` say why it did not complete, `delay` in how many seconds
    the task runs again, None if it doesn't. `progress` has each percentage with its message, `log` the logged lines,
    `spent` the units of named limits that it used."""

    number: int
    error: str | None = None
    traceback: str | None = None
    delay: float | None = None
    spent: dict[str, float] = {}
    progress: list[tuple[int, str | None]] = msgspec.field(default_factory=list[tuple[int, str | None]])
    log: str = ""


class EnqueuedTask(NewTask, kw_only=True):
    """What was enqueued, by the names of the HTTP API, and what became of it.

    `args`, `kwargs` and `metadata` are as JSON has them. `result` is JSON text, as in the API. `unobserved` is true if
    it was enqueued on a connection that does not tell whether its transaction commits.
    """

    status: Status = Status.PENDING
    result: str | None = None
    error: str | None = None
    attempts: list[Attempt] = msgspec.field(default_factory=list[Attempt])
    unobserved: bool = False

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

    if not TYPE_CHECKING:  # which would take any attribute for one

        def __getattr__(self, name: str) -> Any:
            from lapinq._client.declaring.other_libraries import missing_enqueued_attribute

            raise missing_enqueued_attribute(self, name)

    def clear(self) -> None:
        """Forget those enqueued so far."""
        self._tasks.clear()

    def add(self, task: EnqueuedTask) -> None:
        self._tasks.append(task)

    def remove(self, ids: Set[str]) -> None:
        """Forget the tasks with these ids, if they are there."""
        self._tasks = [task for task in self._tasks if task.id not in ids]

    def assert_enqueued(
        self,
        task: AnyTask,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        queue: str | None = None,
        times: int | None = None,
    ) -> list[EnqueuedTask]:
        """The tasks that match. Raises AssertionError, which lists what was enqueued, if there are none; with `times`
        if there are not exactly this many, and 0 means none.

        `task` is a task, also one of Django, or the name of one. `args` and `kwargs` are all arguments of the call;
        whether one was given by position or by name makes no difference for a task. None of both stands for any.
        """
        __tracebackhide__ = True
        wanted = Wanted(task, args, kwargs, queue)
        found = [one for one in self._tasks if wanted.matches(one)]
        if not found if times is None else len(found) != times:
            is_unsure = len(found) > (times or 0) and any(task.unobserved for task in found)
            raise AssertionError(
                f"{wanted.was_enqueued(len(found), times)}{_UNSURE if is_unsure else ''}\n{self._listed()}"
            )
        return found

    def _listed(self) -> str:
        if not self._tasks:
            return "Nothing was enqueued."
        lines = [f"  {task}" for task in self._tasks[:MAX_LISTED]]
        if len(self._tasks) > MAX_LISTED:
            lines.append(f"  … and {len(self._tasks) - MAX_LISTED} more")
        return "\n".join(["Enqueued, in this order:", *lines])

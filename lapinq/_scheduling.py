"""Schedules that hang on tasks: what `queue.cron` and `queue.every` make. Imported only when they are used.

A scheduler that is told the module reads them, by the attribute `__lapinq_schedules__`, and stores them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, Protocol, TypedDict, TypeVar, cast

import msgspec

from lapinq._encoding import encode_entry
from lapinq.task import Task
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.schedules.definition import read_written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lapinq._queue import QueueBase
    from lapinq_core.domain.schedules.schedule import Definition

P = ParamSpec("P")
R = TypeVar("R")


class ScheduleOptions(TypedDict, total=False):
    """What a schedule may say besides when. What is None is left at its default."""

    name: str | None
    args: Sequence[Any] | None
    kwargs: Mapping[str, Any] | None
    starts_at: str | datetime | None
    ends_at: str | datetime | None
    jitter: float | None
    misfire: str | None
    misfire_limit: int | None
    overlap: str | None


class Plan(NamedTuple):
    """A schedule without its task: the arguments, and the fields that it gives a definition."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fields: dict[str, Any]


class Planned(Protocol):
    """What a task tells of what is enqueued: see `Task`."""

    def __call__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], module_path: str = ""
    ) -> dict[str, Any]: ...


class Declared:
    """A schedule on its task. Called, it gives the definition; the task must be where a worker finds it."""

    def __init__(self, plan: Plan, planned: Planned) -> None:
        self.plan = plan
        self._planned = planned

    def __call__(self) -> Definition:
        return _definition(self.plan, self._planned(self.plan.args, self.plan.kwargs))

    def check(self, module_path: str) -> str:
        """Looks at all but where the task is found, and answers the name.

        Raises TypeError for a wrong type and wrong arguments, ValueError and `lapinq.errors.InvalidValue` for what
        can't be.
        """
        return _definition(self.plan, self._planned(self.plan.args, self.plan.kwargs, module_path)).name


class ScheduleDecorator:
    """What `queue.cron(...)` and `queue.every(...)` give."""

    def __init__(self, queue: QueueBase[Any], plan: Plan) -> None:
        self._queue = queue
        self._plan = plan

    def __call__(self, function: Callable[P, R], /) -> Task[P, R]:
        task: Task[P, R] = _task_in(function) or self._queue.task(function)
        return task.scheduled(self._plan)


def make_plan(when: Mapping[str, str], options: Mapping[str, Any]) -> Plan:
    """`when` is the cron expression or the interval, and the time zone. Raises TypeError for an unknown option."""
    for field, value in when.items():
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # @queue.cron without a call
            raise TypeError(f"{field} must be a str, not {value!r}")
    unknown = options.keys() - ScheduleOptions.__annotations__.keys()
    if unknown:
        raise TypeError(
            f"a schedule has no option {', '.join(map(repr, sorted(unknown)))};"
            " what concerns the task stands in @queue.task(...) below it"
        )
    given = {option: value for option, value in options.items() if value is not None}
    args, kwargs = given.pop("args", ()), given.pop("kwargs", {})
    if not isinstance(args, (list, tuple)):
        raise TypeError(f"args must be a list or a tuple, not {args!r}")
    if not isinstance(kwargs, dict):
        raise TypeError(f"kwargs must be a dict, not {kwargs!r}")
    return Plan(tuple(cast("Sequence[Any]", args)), dict(cast("dict[str, Any]", kwargs)), {**when, **given})


def declare(plans: Sequence[Plan], planned: Planned, module_path: str) -> tuple[Declared, ...]:
    """The plans as they hang on their task, checked. Raises as `Declared.check`, also for two of the same name."""
    declared = tuple(Declared(plan, planned) for plan in plans)
    names = set[str]()
    for one in declared:
        if (name := one.check(module_path)) in names:
            raise InvalidValue("name", f"must be given: there is a schedule {name!r} on this task already")
        names.add(name)
    return declared


def _task_in(function: Any) -> Any:
    """The task that it is already; None where it is none."""
    inner: Any = function.__wrapped__ if isinstance(function, staticmethod) else function
    return cast("Any", inner) if type(inner) is Task else None


def _definition(plan: Plan, entry: dict[str, Any]) -> Definition:
    """Raises TypeError and `InvalidValue`, naming the field."""
    if entry.get("scheduled_at") is not None:
        raise TypeError("scheduled_at cannot stand beside a schedule, which says when")
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(encode_entry(entry)))
    values = {"name": f"{plain['module_path']}.{plain['task_name']}", **plain, **plan.fields}
    definition, problems = read_written(values, datetime.now(UTC), "")
    if definition is not None:
        return definition
    problem = problems[0]
    if problem.msg.startswith("expected "):
        raise TypeError(f"{problem.field}: {problem.msg}")
    raise InvalidValue(problem.field, problem.msg)

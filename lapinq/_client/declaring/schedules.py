"""Schedules that `queue.cron` and `queue.every` attach to tasks. Imported when they are used.

A scheduler that is told the module reads them by the attribute `__lapinq_schedules__` and stores them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict, cast

import msgspec

from lapinq._client.entries.entry import encode_entry
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.schedules.definition import read_written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lapinq_core.domain.schedules.schedule import Definition


class ScheduleOptions(TypedDict, total=False):
    """What a schedule has besides its times. None stands for the default."""

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
    """A schedule without its task: the arguments, and the fields of the definition that the user set."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    fields: dict[str, Any]


class EntryMaker(Protocol):
    """Makes the entry that each tick enqueues. With `module_path` it doesn't check that a worker finds the function."""

    def __call__(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], module_path: str = ""
    ) -> dict[str, Any]: ...


class DeclaredSchedule:
    """A schedule on its task. A scheduler calls it for the definition. By then a worker must find the task."""

    def __init__(self, plan: Plan, make_entry: EntryMaker) -> None:
        self.plan = plan
        self._make_entry = make_entry

    def __call__(self) -> Definition:
        return _definition(self.plan, self._make_entry(self.plan.args, self.plan.kwargs))

    def check(self, module_path: str) -> str:
        """Check everything but whether a worker finds the task. Returns the schedule's name.

        Raises TypeError for a wrong type or wrong arguments, ValueError and `InvalidValue` for a wrong value.
        """
        return _definition(self.plan, self._make_entry(self.plan.args, self.plan.kwargs, module_path)).name


def make_plan(when: Mapping[str, str], options: Mapping[str, Any]) -> Plan:
    """`when` has the cron expression and the time zone, or the interval. Raises TypeError for an unknown option."""
    for field, value in when.items():
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # @queue.cron without a call
            example = "15m" if field == "every" else "0 3 * * *" if field == "cron" else "Europe/Madrid"
            raise TypeError(f'{field} must be a str such as "{example}", not {value!r}')
    unknown = options.keys() - ScheduleOptions.__annotations__.keys()
    if unknown:
        meant = {"timezone": " (did you mean 'tz'?)", "unique": ' (overlap="skip" keeps runs apart)'}
        named = ", ".join(repr(name) + meant.get(name, "") for name in sorted(unknown))
        raise TypeError(
            f"a schedule has no option {named}; options of the task belong in @queue.task(...) below it"
        )
    given = {option: value for option, value in options.items() if value is not None}
    jitter = given.get("jitter", 0)
    if isinstance(jitter, bool) or not isinstance(jitter, (int, float)):
        raise TypeError(f"jitter must be a number of seconds, not {jitter!r}")
    args, kwargs = given.pop("args", ()), given.pop("kwargs", {})
    if not isinstance(args, (list, tuple)):
        raise TypeError(f"args must be a list or a tuple, not {args!r}")
    if not isinstance(kwargs, dict):
        raise TypeError(f"kwargs must be a dict, not {kwargs!r}")
    return Plan(tuple(cast("Sequence[Any]", args)), dict(cast("dict[str, Any]", kwargs)), {**when, **given})


def declare(plans: Sequence[Plan], make_entry: EntryMaker, module_path: str) -> tuple[DeclaredSchedule, ...]:
    """The plans of one task, checked. Raises like `DeclaredSchedule.check`, also for two with the same name."""
    declared = tuple(DeclaredSchedule(plan, make_entry) for plan in plans)
    names = set[str]()
    for one in declared:
        if (name := one.check(module_path)) in names:
            raise InvalidValue("name", f"must be given: there is a schedule {name!r} on this task already")
        names.add(name)
    return declared


def _definition(plan: Plan, entry: dict[str, Any]) -> Definition:
    """Raises TypeError and `InvalidValue`, naming the field."""
    if entry.get("scheduled_at") is not None:
        raise TypeError("scheduled_at cannot be combined with a schedule, which already sets the times")
    for field in ("unique", "debounce"):
        if entry.get(field) is not None:
            raise TypeError(
                f"{field} cannot be combined with a schedule, whose overlap says what may run at once"
            )
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(encode_entry(entry)))
    values = {"name": f"{plain['module_path']}.{plain['task_name']}", **plain, **plan.fields}
    definition, problems = read_written(values, datetime.now(UTC), "")
    if definition is not None:
        return definition
    problem = problems[0]
    if problem.msg.startswith("expected "):
        raise TypeError(f"{problem.field}: {problem.msg}")
    raise InvalidValue(problem.field, problem.msg)

"""The definition of a schedule: which task it enqueues, when, and its misfire and overlap policies."""

import hashlib
import math
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.interval import Interval, read_interval
from lapinq_core.domain.schedules.ticks import Misfire, Overlap, Series
from lapinq_core.domain.tasks.task import MAX_NAME, NewTask, check_name, check_task

MAX_JITTER = 86_400
MAX_MISFIRE_LIMIT = 1000
RESERVED_NAMES = frozenset({".", "..", "new", "preview"})
"""Names that are paths of the API and the dashboard, or that a path cannot end in."""

_TASK_FIELDS = (
    "task_name",
    "module_path",
    "queue_name",
    "args",
    "kwargs",
    "max_retries",
    "priority",
    "ttl_seconds",
    "metadata",
    "retry_delay",
    "retry_backoff",
    "webhook_url",
    "timeout_seconds",
    "key",
    "limits",
)
_TIME_FIELDS = ("cron", "every", "timezone", "starts_at", "ends_at")


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as a person writes it; the fields of the task are those of `NewTask`.

    Exactly one of `cron` and `every` is set. `starts_at` and `ends_at` are inclusive and have an offset. A tick's task
    becomes due within `jitter` seconds of it. `misfire_limit` is the most missed ticks that `Misfire.ALL` runs at
    once.
    """

    kind: ClassVar[str] = "schedule"
    name: str
    task_name: str
    module_path: str
    queue_name: str = "default"
    args: list[Any] = msgspec.field(default_factory=list[Any])
    kwargs: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    cron: str | None = None
    every: str | None = None
    timezone: str = "UTC"
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    jitter: float = 0.0
    misfire: Misfire = Misfire.LATEST
    misfire_limit: int = 100
    overlap: Overlap = Overlap.ALLOW
    max_retries: int = 3
    priority: int = 0
    ttl_seconds: float | None = None
    metadata: dict[str, Any] | None = None
    retry_delay: float = 10.0
    retry_backoff: bool = True
    webhook_url: str | None = None
    timeout_seconds: float | None = None
    key: str | None = None
    limits: dict[str, int] | None = None


class When(msgspec.Struct, frozen=True):
    """The planned instants of a schedule between its start and its end."""

    series: Series
    starts_at: datetime | None
    ends_at: datetime | None

    def after(self, moment: datetime) -> datetime | None:
        """The first planned instant after `moment`; None if none is left."""
        if self.starts_at is not None and moment < self.starts_at:
            moment = self.starts_at - _INSTANT
        try:
            found = self.series.after(moment)
        except OverflowError:
            return None  # after the year 9999
        return None if found is None or (self.ends_at is not None and found > self.ends_at) else found


_INSTANT = datetime.resolution


def when(definition: Definition, anchor: datetime) -> When:
    """The planned instants; an interval counts from `anchor`. Raises `InvalidValue`."""
    if definition.cron is not None:
        series = read_cron(definition.cron, definition.timezone, seed=definition.name)
    else:
        assert definition.every is not None
        series = Interval(read_interval(definition.every), anchor)
    return When(series, definition.starts_at, definition.ends_at)


def anchor_of(definition: Definition, now: datetime) -> datetime:
    """The anchor of an interval that starts now."""
    return definition.starts_at or now.replace(microsecond=0)


def changes_times(before: Definition, after: Definition) -> bool:
    """Whether the change may move planned instants."""
    return any(getattr(before, field) != getattr(after, field) for field in _TIME_FIELDS)


def task_of(definition: Definition, task_id: str) -> NewTask:
    """A task as defined."""
    return NewTask(id=task_id, **{field: getattr(definition, field) for field in _TASK_FIELDS})


def task_at(definition: Definition, fire_at: datetime, task_id: str) -> NewTask:
    """The task of the tick planned for `fire_at`.

    It is due then or, with jitter, a little later; name and instant decide the delay. Its metadata names the schedule
    and the tick unless the definition uses those keys itself.
    """
    noise = hashlib.sha256(f"{definition.name}\n{fire_at.timestamp()}".encode()).digest()
    share = int.from_bytes(noise[:8]) / 2**64
    task = task_of(definition, task_id)
    task.scheduled_at = fire_at + timedelta(seconds=definition.jitter * share)
    task.metadata = {
        "schedule": definition.name,
        "planned_at": fire_at.astimezone(UTC).isoformat(),
        **(definition.metadata or {}),
    }
    return task


def check_definition(definition: Definition, now: datetime) -> Definition:
    """`definition` with UTC set for times without an offset.

    The caller checks types. Raises `InvalidValue` naming the field, also for a schedule that would never fire.
    """
    check_schedule_name(definition.name)
    check_task(task_of(definition, new_id()), now)
    if definition.ttl_seconds == 0:
        raise InvalidValue("ttl_seconds", "must be more than 0: the tasks of a schedule are kept")
    check_one_of_both(definition.cron, definition.every)
    if not (math.isfinite(definition.jitter) and 0 <= definition.jitter <= MAX_JITTER):
        raise InvalidValue("jitter", f"must be a number of seconds between 0 and {MAX_JITTER}")
    if not 1 <= definition.misfire_limit <= MAX_MISFIRE_LIMIT:
        raise InvalidValue("misfire_limit", f"must be between 1 and {MAX_MISFIRE_LIMIT}")
    checked = msgspec.structs.replace(
        definition,
        starts_at=_aware("starts_at", definition.starts_at),
        ends_at=_aware("ends_at", definition.ends_at),
    )
    _check_comes(checked, now)
    return checked


def check_one_of_both(cron: str | None, every: str | None) -> None:
    """Returns if exactly one of them is given. Raises `InvalidValue`."""
    if cron is None and every is None:
        raise InvalidValue("cron", "must be given, or every")
    if cron is not None and every is not None:
        raise InvalidValue("every", "must not be given together with cron")


def check_schedule_name(name: str) -> None:
    """1 to 255 printable characters without a slash, because it is part of paths. Raises `InvalidValue`."""
    check_name("name", name)
    if "/" in name or name != name.strip() or name in RESERVED_NAMES:
        msg = f"must be 1 to {MAX_NAME} characters without a slash or spaces around them, and not preview or new"
        raise InvalidValue("name", msg)


def _check_comes(definition: Definition, now: datetime) -> None:
    # Without a zone an interval has no use for it, but a wrong one is a mistake all the same.
    read_cron("@daily", definition.timezone, seed=definition.name)
    times = when(definition, anchor_of(definition, now))
    starts, ends = definition.starts_at, definition.ends_at
    if starts is not None and ends is not None and ends < starts:
        raise InvalidValue("ends_at", "must not be before starts_at")
    if ends is not None and ends < now:
        raise InvalidValue("ends_at", "must not be in the past")
    if times.after(now) is None:
        raise InvalidValue(
            "cron" if definition.cron is not None else "every",
            ("no tick falls between starts_at and ends_at"),
        )


def _aware(loc: str, moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    try:
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except OverflowError:
        raise InvalidValue(loc, "must be a time that can be converted to UTC") from None


class ScheduleState(StrEnum):
    """Whether it is active, paused or ended."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    """No tick is left."""

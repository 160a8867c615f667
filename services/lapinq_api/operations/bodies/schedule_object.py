"""A schedule as the API returns it: its definition, its state, and what it means in words."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
import psycopg

from lapinq_api.credentials.payloads import PayloadView
from lapinq_core.domain.requests.values import doc
from lapinq_core.domain.schedules.schedule import ScheduleState
from lapinq_core.domain.schedules.schedule_words import sentence_of
from lapinq_core.domain.schedules.ticks import Misfire, Overlap
from lapinq_core.schedules import ticks
from lapinq_core.schedules.schedules import Schedule
from lapinq_core.schedules.ticks import Tick

_MANY = 20
"""From this many schedules on, the objects are built in a thread: each sentence takes about a millisecond."""


class ScheduleObject(msgspec.Struct, kw_only=True):
    """A schedule in full. Times are in UTC."""

    name: str
    task_name: str
    module_path: str
    queue_name: str
    args: list[Any]
    kwargs: dict[str, Any]
    cron: Annotated[str | None, doc("Set if `every` is not.", example="0 9 * * 1-5")]
    every: str | None
    timezone: str
    starts_at: datetime | None
    ends_at: datetime | None
    jitter: Annotated[float, doc("In seconds.")]
    misfire: Misfire
    misfire_limit: int
    overlap: Overlap
    max_retries: int
    priority: int
    ttl_seconds: float | None
    metadata: dict[str, Any] | None
    retry_delay: Annotated[float, doc("In seconds.")]
    retry_backoff: bool
    webhook_url: str | None
    timeout_seconds: float | None
    key: Annotated[str | None, doc("The customer, account or device that its tasks are about.")]
    limits: Annotated[dict[str, int] | None, doc("The units that each task takes from named limits.")]
    state: ScheduleState
    description: Annotated[
        str, doc("The expression or interval in words.", example="At 09:00, Monday through Friday")
    ]
    anchor_at: Annotated[datetime, doc("The time from which an interval counts.")]
    next_fire_at: Annotated[datetime | None, doc("The next tick; null while paused and after the end.")]
    last: Annotated[Tick | None, doc("The latest tick that was handled.")]
    paused_at: datetime | None
    paused_by: str | None
    pause_reason: str | None
    source: Annotated[
        str | None, doc("The file or module that manages it; null if it is managed over the API.")
    ]
    version: Annotated[int, doc("Grows with every change, including pause and resume.")]
    created_at: datetime
    updated_at: datetime
    updated_by: Annotated[str, doc("Who changed or created it last.")]


class ScheduleStatus(msgspec.Struct, kw_only=True):
    """A schedule as far as a key without the scope `read` is told."""

    name: str
    state: ScheduleState
    version: Annotated[int, doc("Grows with every change, including pause and resume.")]


Shown = tuple[Schedule, Tick | None]
"""A schedule with its latest tick."""


async def with_latest(conn: psycopg.AsyncConnection, found: Sequence[Schedule]) -> list[Shown]:
    """`found`, each with its latest tick."""
    latest = await ticks.list_ticks(conn, [one.id for one in found], 1)
    return [(one, next(iter(latest[one.id]), None)) for one in found]


async def objects(found: Sequence[Shown], view: PayloadView) -> list[dict[str, Any]]:
    """The objects of schedules, with the payloads that `view` may see."""
    if len(found) < _MANY:
        return [_object(one, last, view) for one, last in found]
    return await asyncio.to_thread(lambda: [_object(one, last, view) for one, last in found])


def _object(schedule: Schedule, last: Tick | None, view: PayloadView) -> dict[str, Any]:
    made = ScheduleObject(
        **{name: getattr(schedule, name) for name in _STORED},
        state=schedule.state,
        description=sentence_of(schedule),
        last=last,
    )
    return view.mask_object(msgspec.structs.asdict(made))


_STORED = [name for name in ScheduleObject.__struct_fields__ if name not in {"state", "description", "last"}]

"""The ticks of a schedule in UTC and in its time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from lapinq_core.domain.schedules.schedule import When


class PlannedTime(msgspec.Struct, frozen=True):
    """A planned instant in UTC, and the local time with its offset."""

    at: datetime
    local: str


def next_times(times: When, after: datetime, count: int, zone: ZoneInfo) -> list[PlannedTime]:
    """The first `count` instants after `after`; fewer if no more follow. Can take 10 ms each."""
    found: list[PlannedTime] = []
    moment: datetime | None = after
    while len(found) < count and (moment := times.after(moment)) is not None:
        try:
            found.append(PlannedTime(moment, moment.astimezone(zone).isoformat()))
        except OverflowError:
            break  # there the year 10000 has begun
    return found

"""Converts between wall clocks and instants across clock changes.

A wall clock is a datetime without a zone, an instant one in UTC. `zoneinfo` knows the offset of either, but not when
it changes next. That is found by sampling once a day and bisecting. A change that is reverted within a day is missed;
there has been none since 1900.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import nearest

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
MAX_NAME = 64
_NONE = timedelta()

_NAME = re.compile(r"[A-Za-z][\w+-]*(/[\w+-]+)*", re.ASCII)
# Files beside the zones: other zones by where one is, or with seconds that no clock shows.
_NO_NAME = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory")


def read_timezone(name: str) -> ZoneInfo:
    """The time zone with this IANA name. Raises `InvalidValue`."""
    try:
        if len(name) <= MAX_NAME and _NAME.fullmatch(name) and not _NO_NAME.fullmatch(name):
            return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    # Not those like EST: most are not the summer time or the place that somebody means.
    meant = nearest(name[:MAX_NAME], ("UTC", *(one for one in available_timezones() if "/" in one)))
    raise InvalidValue(
        "timezone",
        f"{name[:MAX_NAME]!r} is not a time zone; use an IANA name such as {meant or 'Europe/Madrid or UTC'}",
    )


def offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    """How far the wall clock of `zone` is ahead of UTC at `instant`."""
    return instant.astimezone(zone).utcoffset() or _NONE


def wall_clock(instant: datetime, zone: ZoneInfo) -> datetime:
    """The wall clock of `zone` at `instant`."""
    return instant.astimezone(zone).replace(tzinfo=None, fold=0)


def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The first instant at which clocks show `wall`; if they skip it, the instant of the skip."""
    offset = wall.replace(tzinfo=zone).utcoffset() or _NONE
    instant = (wall - offset).replace(tzinfo=UTC)
    later = offset_at(instant, zone)
    if later == offset:
        return instant
    return first_change(instant + offset - later, instant, zone) or instant


def end_of_fold(instant: datetime, zone: ZoneInfo) -> datetime | None:
    """The wall clock at which the hour repeated at `instant` ends; None if none is being repeated."""
    local = instant.astimezone(zone)
    if not local.fold:
        return None
    first = local.replace(fold=0).astimezone(UTC)
    change = first_change(first, instant, zone) or instant
    return (change + offset_at(first, zone)).replace(tzinfo=None)


def first_change(start: datetime, end: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant after `start`, up to `end`, with another offset. Both are whole seconds."""
    offset = offset_at(start, zone)
    while start < end:
        probe = min(start + DAY, end)
        if offset_at(probe, zone) != offset:
            return _halve(start, probe, offset, zone)
        start = probe
    return None


def _halve(before: datetime, after: datetime, offset: timedelta, zone: ZoneInfo) -> datetime:
    while after - before > SECOND:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if offset_at(middle, zone) == offset:
            before = middle
        else:
            after = middle
    return after

"""The next wall clock that matches the fields of an expression, by croniter, without time zones.

croniter never sees a zone: with one it fires twice for a fixed time that is repeated. It gets numbers only, and one
expression for each way in which a day may match, because it does not always take the union of several kinds of days.
"""

import copy
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

from croniter import croniter

from lapinq_core.domain.cron.fields import DAY, HOUR, LAST, MINUTE, MONTH, SECOND, WEEKDAY, Field, Fields

_LENGTHS = ((31,), (28, 29), (31,), (30,), (31,), (30,), (31,), (31,), (30,), (31,), (30,), (31,))
_EVERY_DAY = tuple(range(1, 32))


def matchers_of(fields: Fields) -> tuple[croniter, ...]:
    """croniter objects; the earliest match among them counts. Empty if no day ever matches."""
    days = _text(fields.days, DAY)
    if fields.has_last_day and days != "*":
        days = f"{days},l" if days else "l"
    weekdays = _text(fields.weekdays, WEEKDAY)
    nths = ",".join(f"l{day}" if nth == LAST else f"{day}#{nth}" for day, nth in fields.nth_weekdays)
    if fields.needs_both_days:
        pairs = [(days, weekdays, ()), (days, nths, fields.nth_weekdays)]
    else:
        pairs = [(days, "*", ()), ("*", weekdays, ()), ("*", nths, fields.nth_weekdays)]
    time = " ".join(_text(numbers, field) for numbers, field in _times(fields))
    months = _text(fields.months, MONTH)
    return tuple(
        croniter(f"{time} {day} {months} {weekday}", 0, day_or=False, second_at_beginning=True)
        for day, weekday, needed in pairs
        if day and weekday and _comes(fields, day, needed)
    )


def next_match(matchers: Sequence[croniter], wall: datetime) -> datetime | None:
    """The first match strictly after `wall`, a whole second; None if there is none within 50 years."""
    found = [match for matcher in matchers if (match := _next(matcher, wall)) is not None]
    return min(found, default=None)


def _next(matcher: croniter, wall: datetime) -> datetime | None:
    try:
        # A copy, since croniter notes where it stands.
        return copy.copy(matcher).get_next(datetime, start_time=wall)
    except (ValueError, OverflowError):
        return None


def _times(fields: Fields) -> list[tuple[tuple[int, ...], Field]]:
    times = [(fields.minutes, MINUTE), (fields.hours, HOUR)]
    return [(fields.seconds, SECOND), *times] if fields.has_seconds else times


def _text(numbers: tuple[int, ...], field: Field) -> str:
    """The shortest form: croniter parses an expression item by item."""
    if len(numbers) == field.high - field.low + 1:
        return "*"
    steps = {after - before for before, after in pairwise(numbers)}
    if len(numbers) > 2 and len(steps) == 1:
        return f"{numbers[0]}-{numbers[-1]}/{steps.pop()}"
    return ",".join(map(str, numbers))


def _comes(fields: Fields, day: str, nths: tuple[tuple[int, int], ...]) -> bool:
    """Whether such a day exists in any year: over the years, every date falls on every weekday."""
    days = _EVERY_DAY if day == "*" else fields.days
    for month in fields.months:
        for length in _LENGTHS[month - 1]:
            possible = [day for day in days if day <= length]
            if fields.has_last_day:
                possible.append(length)
            if (
                possible
                if not nths
                else any(_is_nth(day, length, nth) for day in possible for _, nth in nths)
            ):
                return True
    return False


def _is_nth(day: int, length: int, nth: int) -> bool:
    return day > length - 7 if nth == LAST else (day - 1) // 7 + 1 == nth

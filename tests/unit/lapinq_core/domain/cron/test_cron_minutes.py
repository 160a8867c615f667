"""When an expression fires, against a slow reading of the rule that looks at every minute, in all time zones."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lapinq_core.domain.cron.expression import Cron, read_cron
from lapinq_core.domain.cron.fields import LAST, Fields
from lapinq_core.domain.cron.local_time import first_change
from lapinq_core.domain.errors import InvalidValue
from tests.unit.lapinq_core.domain.cron.walking import walk

ZONES = sorted(available_timezones() - {"Factory", "localtime"})


def cron(expression: str, timezone: str) -> Cron | None:
    try:
        return read_cron(expression, timezone, seed="backup")
    except InvalidValue:
        return None  # it never comes


def subsets(low: int, high: int) -> st.SearchStrategy[str]:
    numbers = st.integers(low, high)
    some = st.lists(numbers, min_size=1, max_size=3).map(lambda found: ",".join(map(str, found)))
    ranges = st.tuples(numbers, numbers).map(lambda ends: f"{ends[0]}-{ends[1]}")
    return some | ranges | st.just("*") | st.integers(2, min(high, 12)).map(lambda step: f"*/{step}")


weekdays = st.sampled_from(["*", "*", "mon", "sat,sun", "*/2", "fri#1", "tue#3,mon", "friL"])
days = st.sampled_from(["*", "*", "1", "L", "L,15", "*/2", "28-3"])
expressions = st.tuples(subsets(0, 59), subsets(0, 23), days, st.just("*"), weekdays).map(" ".join)
starts = st.integers(0, 60 * 365 * 86_400).map(
    lambda passed: datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=passed)
)


@settings(deadline=None)
@given(st.sampled_from(ZONES), expressions, starts)
def test_no_time_is_missed_and_none_made_up_where_clocks_change(
    timezone: str, expression: str, moment: datetime
) -> None:
    change = first_change(moment, moment + timedelta(days=800), ZoneInfo(timezone))
    assume(change is not None)
    assert change is not None
    start, end = change - timedelta(hours=3), change + timedelta(hours=27)
    assume(not start.astimezone(ZoneInfo(timezone)).fold)
    rule = cron(expression, timezone)
    assume(rule is not None)
    assert rule is not None
    found = list(takewhile(lambda tick: tick <= end, walk(rule, start)))
    assert all(before < after for before, after in pairwise(found))
    assert found == (slow_real if rule.fields.has_star_hour else slow_fixed)(rule, start, end)


def slow_real(rule: Cron, start: datetime, end: datetime) -> list[datetime]:
    return [
        instant
        for instant in minutes(start, end)
        if matches(rule.fields, instant.astimezone(rule.zone).replace(tzinfo=None))
    ]


def slow_fixed(rule: Cron, start: datetime, end: datetime) -> list[datetime]:
    """The instants at which clocks reach a matching time, or pass it, for the first time."""
    found: list[datetime] = []
    reached = start.astimezone(rule.zone).replace(tzinfo=None)
    for instant in minutes(start, end):
        wall = instant.astimezone(rule.zone).replace(tzinfo=None, fold=0)
        if wall > reached:
            if any(matches(rule.fields, passed) for passed in minutes(reached, wall)):
                found.append(instant)
            reached = wall
    return found


def minutes(after: datetime, until: datetime) -> Iterator[datetime]:
    while after < until:
        after += timedelta(minutes=1)
        yield after


def matches(fields: Fields, wall: datetime) -> bool:
    if wall.minute not in fields.minutes or wall.hour not in fields.hours or wall.month not in fields.months:
        return False
    last = monthrange(wall.year, wall.month)[1]
    is_day = wall.day in fields.days or (fields.has_last_day and wall.day == last)
    weekday = wall.isoweekday() % 7
    is_weekday = weekday in fields.weekdays or any(
        weekday == wanted and (wall.day + 7 > last if nth == LAST else (wall.day + 6) // 7 == nth)
        for wanted, nth in fields.nth_weekdays
    )
    return (is_day and is_weekday) if fields.needs_both_days else (is_day or is_weekday)


@settings(deadline=None)
@given(st.sampled_from(ZONES), expressions, st.dates(date(1980, 1, 1), date(2040, 1, 1)))
def test_who_asks_in_between_is_told_the_same(timezone: str, expression: str, day: date) -> None:
    rule = cron(expression, timezone)
    assume(rule is not None)
    assert rule is not None
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    tick = rule.after(start)
    assert tick is not None
    for share in (0.1, 0.5, 0.99):
        assert rule.after(start + (tick - start) * share) == tick
    assert rule.after(tick - timedelta(microseconds=1)) == tick

"""Our times against those of cronsim, which reads and walks expressions in code of its own.

Where the two differ by intention, or cronsim is wrong, `DIFFERENCES` has an example; the drawn expressions keep clear
of these.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.cron.local_time import first_change, wall_clock
from tests.support.tries import tries

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
TEN_YEARS = datetime(2008, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
# With half hours, two hours, a day that was skipped, a pause for Ramadan, and a midnight that is skipped among them.
EIGHT_ZONES = [
    "Africa/Casablanca",
    "America/New_York",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "Europe/Madrid",
    "Pacific/Apia",
]


def ours(expression: str, timezone: str, start: datetime, count: int) -> list[datetime]:
    rule, moment = read_cron(expression, timezone, seed=""), start
    found: list[datetime] = []
    while len(found) < count and (tick := rule.after(moment)) is not None:
        moment = tick
        found.append(tick)
    return found


def theirs(expression: str, timezone: str, start: datetime, count: int) -> list[datetime]:
    ticks = CronSim(expression, start.astimezone(ZoneInfo(timezone)))
    return [tick.astimezone(UTC) for tick in islice(ticks, count)]


# Expressions that both understand alike


def numbers(low: int, high: int) -> st.SearchStrategy[str]:
    one = st.integers(low, high)
    pair = st.tuples(one, one).map(sorted).filter(lambda ends: ends[0] < ends[1])
    stepped = pair.flatmap(
        lambda ends: st.integers(1, ends[1] - ends[0] + 1).map(lambda step: f"{ends[0]}-{ends[1]}/{step}")
    )
    item = one.map(str) | pair.map(lambda ends: f"{ends[0]}-{ends[1]}") | stepped
    return st.lists(item, min_size=1, max_size=3).map(",".join)


def stars(size: int) -> st.SearchStrategy[str]:
    return st.just("*") | st.integers(1, size).map(lambda step: f"*/{step}")


days = st.just("*") | numbers(1, 28) | stars(31) | st.sampled_from(["L", "L,15", "31"])
weekdays = (
    st.just("*")
    | numbers(0, 6)
    | st.integers(1, 7).map(lambda step: f"*/{step}")
    | st.sampled_from(["7", "mon-fri", "5-7", "fri#2", "0L", "1#1,3#3", "6,2#4"])
)
dates = st.tuples(days, st.just("*") | numbers(1, 12) | stars(12), weekdays).map(" ".join)
fixed = st.tuples(numbers(0, 59), numbers(0, 23), dates).map(" ".join)
real = st.tuples(numbers(0, 59) | stars(60), stars(24), dates).map(" ".join)
starts = st.integers(0, 57 * 365 * 86_400).map(
    lambda passed: datetime(1980, 1, 1, tzinfo=UTC) + timedelta(seconds=passed)
)


def near_a_change(moment: datetime, timezone: str) -> datetime:
    """A day before clocks are next changed, within two years of `moment`, which is a whole second."""
    change = first_change(moment, moment + timedelta(days=730), ZoneInfo(timezone))
    return moment if change is None else change - timedelta(days=1)


@settings(deadline=None, max_examples=tries(300))
@given(st.sampled_from(ZONES), fixed, starts)
def test_fixed_times_are_those_of_the_oracle(timezone: str, expression: str, moment: datetime) -> None:
    assume("never" not in comes(expression))
    start = near_a_change(moment, timezone)
    assume(not start.astimezone(ZoneInfo(timezone)).fold)
    assert ours(expression, timezone, start, 12) == theirs(expression, timezone, start, 12)


@settings(deadline=None, max_examples=tries(300))
@given(st.sampled_from(ZONES), real, starts)
def test_real_times_are_those_of_the_oracle(timezone: str, expression: str, moment: datetime) -> None:
    assume("never" not in comes(expression))
    start = near_a_change(moment, timezone)
    zone = ZoneInfo(timezone)
    assume(not start.astimezone(zone).fold)
    mine = ours(expression, timezone, start, 12)
    assume(not misleads_the_oracle(start, mine[-1] + timedelta(days=1), zone))
    assert mine == theirs(expression, timezone, start, 12)


def comes(expression: str) -> str:
    try:
        read_cron(expression, "UTC", seed="")
    except Exception as error:  # noqa: BLE001
        return str(error)
    return ""


def misleads_the_oracle(start: datetime, end: datetime, zone: ZoneInfo) -> bool:
    """Whether clocks were changed by other than whole hours, or skip or repeat a midnight, or are changed at one."""
    while (change := first_change(start, end, zone)) is not None:
        before = wall_clock(change - timedelta(seconds=1), zone) + timedelta(seconds=1)
        after = wall_clock(change, zone)
        is_by_hours = (after - before) % timedelta(hours=1) == timedelta()
        if (
            not is_by_hours
            or before.date() != after.date()
            or datetime.min.time() in (before.time(), after.time())
        ):
            return True
        start = change
    return False


# What differs

MADRID, SAO_PAULO = "Europe/Madrid", "America/Sao_Paulo"
DIFFERENCES = {
    "it follows real time when the minutes begin with a star, too": (
        "*/30 2 * * *",
        MADRID,
        "2030-03-30T23:00",
        ["2030-03-31T01:00", "2030-04-01T00:00"],
        ["2030-04-01T00:00", "2030-04-01T00:30"],
    ),
    "it follows real time when there are seconds": (
        "0 30 2 * * *",
        MADRID,
        "2030-03-30T23:00",
        ["2030-03-31T01:00", "2030-04-01T00:30"],
        ["2030-04-01T00:30", "2030-04-02T00:30"],
    ),
    "it takes hours for fixed when their star is not the first character": (
        "30 3,*/2 * * *",
        MADRID,
        "2030-10-27T00:00",
        ["2030-10-27T00:30", "2030-10-27T01:30"],
        ["2030-10-27T00:30", "2030-10-27T02:30"],
    ),
    "asked amid a repeated hour, it goes back to the first": (
        "30 2 * * *",
        MADRID,
        "2030-10-27T01:15",
        ["2030-10-28T01:30"],
        ["2030-10-27T00:30"],
    ),
    "it takes the end of a skipped midnight for a match": (
        "0 */8 4 * *",
        SAO_PAULO,
        "2018-11-03T12:00",
        ["2018-11-04T10:00"],
        ["2018-11-04T03:00"],
    ),
    "a repeated midnight makes it lose what follows, and with steps walk in a circle for ever": (
        "21,40 * L * *",
        "America/Goose_Bay",
        "2009-11-01T02:30",
        ["2009-11-01T02:40", "2009-11-01T03:21"],
        ["2009-11-01T02:40", "2009-11-30T04:21"],
    ),
    "it goes by whole hours, and steps over what follows a change of half an hour": (
        "15 */3 * * *",
        "America/Caracas",
        "2016-05-01T05:00",
        ["2016-05-01T07:15"],
        ["2016-05-01T10:15"],
    ),
    "a step from a range of one number goes on to the end of the field": (
        "5-5/1 0 * * *",
        "UTC",
        "2030-01-01T00:00",
        ["2030-01-01T00:05", "2030-01-02T00:05"],
        ["2030-01-01T00:05", "2030-01-01T00:06"],
    ),
    "a step from a weekday goes on to Sunday": (
        "0 0 * * 5/2",
        "UTC",
        "2030-01-03T12:00",
        ["2030-01-04T00:00", "2030-01-11T00:00"],
        ["2030-01-04T00:00", "2030-01-06T00:00"],
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_oracle_differs_where_that_is_known(name: str) -> None:
    expression, timezone, start, expected, other = DIFFERENCES[name]
    moment = utc(start)
    assert ours(expression, timezone, moment, len(expected)) == [utc(text) for text in expected]
    assert theirs(expression, timezone, moment, len(other)) == [utc(text) for text in other]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Ten years


def some(zones: list[str], expressions: list[str]) -> list[object]:
    """Every pair of them; by default each zone is tried with one expression, the next zone with the next one."""
    return [
        pytest.param(
            zone, expression, marks=() if (place - number) % len(expressions) == 0 else pytest.mark.slow
        )
        for place, zone in enumerate(zones)
        for number, expression in enumerate(expressions)
    ]


@pytest.mark.parametrize(
    ("timezone", "expression"), some(EIGHT_ZONES, ["30 2 * * *", "0 1 L */2 *", "0 2 * * sun#1,0L"])
)
def test_ten_years_are_those_of_the_oracle(timezone: str, expression: str) -> None:
    assert compare(timezone, expression, *TEN_YEARS) >= 55


# Of these the oracle takes seconds for ten years.
OFTEN = ["0,30 1-2 * * *", "15 * * * sat,sun", "*/20 * * * *", "25 * * * *", "7,37 0-23 * * *"]


@pytest.mark.parametrize(("timezone", "expression"), some(EIGHT_ZONES, OFTEN))
def test_days_around_each_change_of_ten_years_are_those_of_the_oracle(timezone: str, expression: str) -> None:
    start, end = TEN_YEARS
    day, count = timedelta(days=1), 0
    while (change := first_change(start, end, ZoneInfo(timezone))) is not None:
        count += compare(timezone, expression, change - day, change + day)
        start = change
    assert count >= 4


@pytest.mark.slow
@pytest.mark.parametrize("timezone", EIGHT_ZONES)
@pytest.mark.parametrize("expression", OFTEN)
def test_ten_years_of_every_hour_are_those_of_the_oracle(timezone: str, expression: str) -> None:
    assert compare(timezone, expression, *TEN_YEARS) >= 5000


def compare(timezone: str, expression: str, start: datetime, end: datetime) -> int:
    """How many times both found, each the same."""
    rule, moment, count = read_cron(expression, timezone, seed=""), start, 0
    for other in CronSim(expression, start.astimezone(ZoneInfo(timezone))):
        tick = rule.after(moment)
        assert tick == other.astimezone(UTC), f"after {moment}"
        assert tick is not None
        if tick > end:
            break
        moment, count = tick, count + 1
    return count

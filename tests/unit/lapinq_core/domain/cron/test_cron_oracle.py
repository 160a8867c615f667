"""Our times against those of cronsim, which reads and walks expressions in code of its own.

The drawn expressions keep clear of where the two differ; `test_cron` and `test_cron_fields` have these cases. Cronsim
follows real time also where the minutes begin with a star or there are seconds, and takes hours for fixed whose star is
not the first character. Asked amid a repeated hour, it goes back to the first. It goes wrong at midnights that are
skipped or repeated, and at changes of half an hour. A step from a range of one number goes on to the end of the field,
and one from a weekday to Sunday.
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
from tests.unit.lapinq_core.domain.cron.walking import walk

ZONES = sorted(available_timezones() - {"Factory", "localtime"})
TEN_YEARS = datetime(2008, 1, 1, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)
# With half hours, two hours, a day that was skipped, a pause for Ramadan, and a midnight that is skipped among them.
EIGHT_ZONES = [
    "Africa/Casablanca", "America/New_York", "America/Sao_Paulo", "Antarctica/Troll", "Australia/Lord_Howe",
    "Europe/Dublin", "Europe/Madrid", "Pacific/Apia",
]  # fmt: skip


def ours(expression: str, timezone: str, start: datetime, count: int) -> list[datetime]:
    return list(islice(walk(read_cron(expression, timezone, seed=""), start), count))


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


@pytest.mark.parametrize(("timezone", "expression"), some(EIGHT_ZONES, ["0 1 L */2 *", "0 2 * * sun#1,0L"]))
def test_ten_years_are_those_of_the_oracle(timezone: str, expression: str) -> None:
    assert compare(timezone, expression, *TEN_YEARS) >= 55


# Of these the oracle takes seconds for ten years.
OFTEN = ["30 2 * * *", "0,30 1-2 * * *", "15 * * * sat,sun", "*/20 * * * *", "25 * * * *", "7,37 0-23 * * *"]


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
def test_ten_years_of_frequent_times_are_those_of_the_oracle(timezone: str, expression: str) -> None:
    assert compare(timezone, expression, *TEN_YEARS) >= 3500


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

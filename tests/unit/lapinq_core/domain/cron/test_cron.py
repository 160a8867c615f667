"""When an expression fires, by example."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.cron.expression import Cron, read_cron
from lapinq_core.domain.errors import InvalidValue

MADRID, LORD_HOWE, APIA = "Europe/Madrid", "Australia/Lord_Howe", "Pacific/Apia"


def cron(expression: str, timezone: str = "UTC") -> Cron:
    return read_cron(expression, timezone, seed="backup")


def refused(expression: str, timezone: str) -> str | None:
    """Which of the two is refused, if one is."""
    try:
        cron(expression, timezone)
    except InvalidValue as error:
        return error.loc
    return None


def ticks(expression: str, timezone: str, start: str, end: str) -> list[str]:
    """The times between two of `timezone`, as its clocks show them, with their offset."""
    zone = ZoneInfo(timezone)
    after, until = (datetime.fromisoformat(text).replace(tzinfo=zone) for text in (start, end))
    found = walk(cron(expression, timezone), after.astimezone(UTC), until.astimezone(UTC))
    return [f"{tick.astimezone(zone):%d %H:%M %z}" for tick in found]


def walk(rule: Cron, start: datetime, end: datetime) -> Iterator[datetime]:
    tick = rule.after(start)
    while tick is not None and tick <= end:
        yield tick
        tick = rule.after(tick)


def dates(expression: str, start: str, count: int) -> list[str]:
    rule, moment = cron(expression), datetime.fromisoformat(start).replace(tzinfo=UTC)
    found: list[str] = []
    for _ in range(count):
        tick = rule.after(moment)
        assert tick is not None
        moment = tick
        found.append(f"{tick:%Y-%m-%d}")
    return found


# Clocks that are put forward: in Madrid on 31 March 2030 from 02:00 to 03:00


def test_a_fixed_time_that_is_skipped_fires_at_the_first_instant_after() -> None:
    assert ticks("30 2 * * *", MADRID, "2030-03-30T12:00", "2030-04-01T12:00") == [
        "31 03:00 +0200",
        "01 02:30 +0200",
    ]


@pytest.mark.parametrize("expression", ["*/10 2 * * *", "0,30 2,3 * * *", "0 2-3 * * *", "* 2 * * *"])
def test_fixed_times_that_are_skipped_together_fire_once(expression: str) -> None:
    found = ticks(expression, MADRID, "2030-03-30T12:00", "2030-03-31T03:00")
    assert found == ["31 03:00 +0200"]


def test_real_time_goes_on_over_what_is_skipped() -> None:
    assert ticks("30 * * * *", MADRID, "2030-03-31T01:00", "2030-03-31T05:00") == [
        "31 01:30 +0100",
        "31 03:30 +0200",
        "31 04:30 +0200",
    ]


def test_a_step_over_all_hours_is_real_time_and_leaves_out_what_is_skipped() -> None:
    for expression in ("15 */2 * * *", "15 3,*/2 * * *"):
        assert "31 02:15 +0200" not in ticks(expression, MADRID, "2030-03-31T00:30", "2030-03-31T05:00")
        assert ticks(expression, MADRID, "2030-03-31T03:30", "2030-03-31T05:00") == ["31 04:15 +0200"]


# Clocks that are put back: in Madrid on 27 October 2030 from 03:00 to 02:00


def test_a_fixed_time_that_is_repeated_fires_the_first_time_only() -> None:
    for expression in ("30 2 * * *", "30 0-23 * * *"):
        found = ticks(expression, MADRID, "2030-10-27T01:45", "2030-10-27T03:15")
        assert found == ["27 02:30 +0200"]


def test_who_asks_amid_the_repeated_hour_is_told_of_what_follows_it() -> None:
    second = datetime(2030, 10, 27, 1, 15, tzinfo=UTC)
    assert cron("* 2 * * *", MADRID).after(second) == datetime(2030, 10, 28, 1, 0, tzinfo=UTC)
    assert cron("*/15 2,3 * * *", MADRID).after(second) == datetime(2030, 10, 27, 2, 0, tzinfo=UTC)
    assert cron("*/5 * 2 * * *", MADRID).after(second) == datetime(2030, 10, 28, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["30 * * * *", "30 */1 * * *", "0 30 * * * *"])
def test_real_time_fires_in_both_of_two_repeated_hours(expression: str) -> None:
    assert ticks(expression, MADRID, "2030-10-27T01:45", "2030-10-27T03:45") == [
        "27 02:30 +0200",
        "27 02:30 +0100",
        "27 03:30 +0100",
    ]


# Other zones


def test_clocks_that_are_moved_by_half_an_hour_are_followed() -> None:
    spring, autumn = ("2030-10-06T01:00", "2030-10-06T04:00"), ("2030-04-07T01:00", "2030-04-07T03:00")
    assert ticks("15 2 * * *", LORD_HOWE, *spring) == ["06 02:30 +1100"]
    assert ticks("15 * * * *", LORD_HOWE, *spring) == ["06 01:15 +1030", "06 03:15 +1100"]
    assert ticks("45 1 * * *", LORD_HOWE, *autumn) == ["07 01:45 +1100"]
    assert ticks("45 * * * *", LORD_HOWE, *autumn) == ["07 01:45 +1100", "07 01:45 +1030", "07 02:45 +1030"]


def test_a_day_that_was_skipped_whole_counts_as_a_gap() -> None:
    days = ("2011-12-29T00:00", "2012-01-01T13:00")
    assert ticks("0 12 * * *", APIA, *days) == [
        "29 12:00 -1000",
        "31 00:00 +1400",
        "31 12:00 +1400",
        "01 12:00 +1400",
    ]
    assert "30" not in {tick[:2] for tick in ticks("0 */6 * * *", APIA, *days)}
    assert len(ticks("0 */6 * * *", APIA, "2011-12-29T12:00", "2011-12-31T12:00")) == 4


def test_midnight_may_be_what_is_skipped() -> None:
    assert ticks("0 0 * * *", "America/Sao_Paulo", "2018-11-03T12:00", "2018-11-05T12:00") == [
        "04 01:00 -0200",
        "05 00:00 -0200",
    ]
    assert ticks("0 * 4 * *", "America/Sao_Paulo", "2018-11-03T12:00", "2018-11-04T02:30") == [
        "04 01:00 -0200",
        "04 02:00 -0200",
    ]


# Days


def test_the_29th_of_february_comes_in_leap_years() -> None:
    assert dates("0 0 29 2 *", "2026-01-01", 2) == ["2028-02-29", "2032-02-29"]
    assert dates("0 0 29 2 *", "2096-03-01", 1) == ["2104-02-29"], "2100 is none"


def test_the_last_day_is_that_of_each_month() -> None:
    assert dates("0 0 L 1-4 *", "2028-01-01", 4) == ["2028-01-31", "2028-02-29", "2028-03-31", "2028-04-30"]
    assert dates("0 0 L,15 2 *", "2026-01-01", 2) == ["2026-02-15", "2026-02-28"]


def test_a_month_without_such_a_day_is_left_out() -> None:
    assert dates("0 0 31 * *", "2026-02-01", 3) == ["2026-03-31", "2026-05-31", "2026-07-31"]
    assert dates("0 0 * * fri#5", "2026-02-01", 2) == ["2026-05-29", "2026-07-31"]


def test_several_weekdays_of_a_month_are_all_taken() -> None:
    assert dates("0 0 * * fri#1,fri#3", "2026-05-01", 2) == ["2026-05-15", "2026-06-05"]
    assert dates("0 0 * * friL,mon#1", "2026-05-01", 2) == ["2026-05-04", "2026-05-29"]
    assert dates("0 0 * * sun,fri#2", "2026-05-01", 3) == ["2026-05-03", "2026-05-08", "2026-05-10"]


def test_of_two_restricted_days_either_will_do() -> None:
    assert dates("0 0 15 * fri", "2026-05-09", 3) == ["2026-05-15", "2026-05-22", "2026-05-29"]
    assert dates("0 0 13 * fri#2", "2026-05-01", 2) == ["2026-05-08", "2026-05-13"]
    assert dates("0 0 30 2 mon", "2026-02-01", 1) == ["2026-02-02"], "the 30th never comes, Mondays do"


def test_where_one_of_the_days_begins_with_a_star_both_must_match() -> None:
    assert dates("0 0 */2 * mon", "2026-05-01", 2) == ["2026-05-11", "2026-05-25"]
    assert dates("0 0 13 * */5", "2026-02-01", 2) == ["2026-02-13", "2026-03-13"]


# Asking


def test_the_answer_is_strictly_after_the_moment_and_in_utc() -> None:
    rule, noon = cron("0 12 * * *", "Asia/Tokyo"), datetime(2030, 1, 1, 3, tzinfo=UTC)
    assert rule.after(noon - timedelta(microseconds=1)) == noon
    assert rule.after(noon) == noon + timedelta(days=1)
    found = rule.after(noon.astimezone(ZoneInfo("America/New_York")))
    assert found is not None
    assert found.tzinfo is UTC


def test_a_moment_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        cron("* * * * *").after(datetime(2030, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "expression", ["* * * * *", "0 0 29 2 *", "0 3 * * *", "* * * * * *", "0 0 * 2 fri#5"]
)
@pytest.mark.parametrize("timezone", ["UTC", MADRID, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_at_the_end_of_time_there_is_none(expression: str, timezone: str) -> None:
    moment = datetime.max.replace(tzinfo=UTC)
    for days in (0, 1, 2):
        assert cron(expression, timezone).after(moment - timedelta(days=days)) is None or days


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Mars/Base",
        "Europe",
        "europe/madrid/",
        "/etc/passwd",
        "../UTC",
        "UTC\0",
        "posix/UTC",
        "right/UTC",
        "localtime",
        "Factory",
        "posixrules",
        "tzdata.zi",
        "zone.tab",
        "Europe/Madrid ",
        "x" * 1000,
        "Ümlaut",
    ],
)
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_cron("* * * * *", name, seed="x")
    assert caught.value.loc == "timezone"


@given(st.text(max_size=80))
def test_any_text_is_a_time_zone_or_refused(name: str) -> None:
    assert refused("* * * * *", name) in {None, "timezone"}

"""When an expression fires, by example."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.cron.expression import Cron, read_cron
from lapinq_core.domain.errors import InvalidValue
from tests.unit.lapinq_core.domain.cron.walking import walk

MADRID, LORD_HOWE, APIA, SAO_PAULO = (
    "Europe/Madrid", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo",
)  # fmt: skip


def cron(expression: str, timezone: str = "UTC") -> Cron:
    return read_cron(expression, timezone, seed="backup")


Period = tuple[str, str, str]
FORWARD = (MADRID, "2030-03-31T01:00", "2030-03-31T05:00")
"""Clocks are put forward from 02:00 to 03:00."""
BACK = (MADRID, "2030-10-27T01:45", "2030-10-27T03:45")
"""Clocks are put back from 03:00 to 02:00."""
HALF_AN_HOUR_FORWARD = (LORD_HOWE, "2030-10-06T01:00", "2030-10-06T04:00")
HALF_AN_HOUR_BACK = (LORD_HOWE, "2030-04-07T01:00", "2030-04-07T03:00")
HALF_AN_HOUR_FOR_EVER = ("America/Caracas", "2016-05-01T00:30", "2016-05-01T06:00")
TWO_MIDNIGHTS = ("America/Goose_Bay", "2009-10-31T23:30", "2009-11-01T00:30")
NO_30TH = (APIA, "2011-12-29T12:00", "2011-12-31T12:00")
NO_MIDNIGHT = (SAO_PAULO, "2018-11-03T12:00", "2018-11-05T12:00")


@pytest.mark.parametrize(
    ("period", "expression", "ticks"),
    [
        # A fixed time that is skipped fires at the first instant after, and several of them once.
        (FORWARD, "30 2 * * *", "31 03:00 +0200"),
        (FORWARD, "*/10 2 * * *", "31 03:00 +0200"),
        (FORWARD, "0 30 2 * * *", "31 03:00 +0200"),
        (FORWARD, "0,30 2,3 * * *", "31 03:00 +0200, 31 03:30 +0200"),
        (FORWARD, "0 2-3 * * *", "31 03:00 +0200"),
        # Where the hours begin with a star it is real time that counts, and nothing is made up for.
        (FORWARD, "30 * * * *", "31 01:30 +0100, 31 03:30 +0200, 31 04:30 +0200"),
        (FORWARD, "15 */2 * * *", "31 04:15 +0200"),
        (FORWARD, "15 3,*/2 * * *", "31 03:15 +0200, 31 04:15 +0200"),
        # A fixed time that is repeated fires the first time only; real time both times.
        (BACK, "30 2 * * *", "27 02:30 +0200"),
        (BACK, "30 0-23 * * *", "27 02:30 +0200, 27 03:30 +0100"),
        (BACK, "30 * * * *", "27 02:30 +0200, 27 02:30 +0100, 27 03:30 +0100"),
        (BACK, "30 */1 * * *", "27 02:30 +0200, 27 02:30 +0100, 27 03:30 +0100"),
        (BACK, "30 3,*/2 * * *", "27 02:30 +0200, 27 02:30 +0100, 27 03:30 +0100"),
        (BACK, "0 30 * * * *", "27 02:30 +0200, 27 02:30 +0100, 27 03:30 +0100"),
        (HALF_AN_HOUR_FORWARD, "15 2 * * *", "06 02:30 +1100"),
        (HALF_AN_HOUR_FORWARD, "15 * * * *", "06 01:15 +1030, 06 03:15 +1100"),
        (HALF_AN_HOUR_BACK, "45 1 * * *", "07 01:45 +1100"),
        (HALF_AN_HOUR_BACK, "45 * * * *", "07 01:45 +1100, 07 01:45 +1030, 07 02:45 +1030"),
        (HALF_AN_HOUR_FOR_EVER, "15 */3 * * *", "01 03:15 -0400"),
        # A day that was skipped whole is a gap, too.
        (NO_30TH, "0 12 * * *", "31 00:00 +1400, 31 12:00 +1400"),
        (NO_30TH, "0 */6 * * *", "29 18:00 -1000, 31 00:00 +1400, 31 06:00 +1400, 31 12:00 +1400"),
        # So is a midnight, and one that comes twice may be on two days.
        (NO_MIDNIGHT, "0 0 * * *", "04 01:00 -0200, 05 00:00 -0200"),
        (NO_MIDNIGHT, "0 */9 4 * *", "04 09:00 -0200, 04 18:00 -0200"),
        (TWO_MIDNIGHTS, "21,40 * L * *", "31 23:40 -0300, 31 23:21 -0400, 31 23:40 -0400"),
    ],
)
def test_clocks_that_are_changed_are_followed(period: Period, expression: str, ticks: str) -> None:
    zone = ZoneInfo(period[0])
    start, end = (datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC) for text in period[1:])
    found = takewhile(lambda tick: tick <= end, walk(cron(expression, period[0]), start))
    assert ", ".join(f"{tick.astimezone(zone):%d %H:%M %z}" for tick in found) == ticks


def test_who_asks_amid_the_repeated_hour_is_told_of_what_follows_it() -> None:
    second = datetime(2030, 10, 27, 1, 15, tzinfo=UTC)
    assert cron("* 2 * * *", MADRID).after(second) == datetime(2030, 10, 28, 1, 0, tzinfo=UTC)
    assert cron("*/15 2,3 * * *", MADRID).after(second) == datetime(2030, 10, 27, 2, 0, tzinfo=UTC)
    assert cron("*/5 * 2 * * *", MADRID).after(second) == datetime(2030, 10, 28, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "start", "dates"),
    [
        ("0 0 29 2 *", "2026-01-01", "2028-02-29 2032-02-29"),
        ("0 0 29 2 *", "2096-03-01", "2104-02-29"),  # 2100 is no leap year
        ("0 0 L 1-4 *", "2028-01-01", "2028-01-31 2028-02-29 2028-03-31 2028-04-30"),
        ("0 0 L,15 2 *", "2026-01-01", "2026-02-15 2026-02-28"),
        # A month without such a day is left out.
        ("0 0 31 * *", "2026-02-01", "2026-03-31 2026-05-31 2026-07-31"),
        ("0 0 * * fri#5", "2026-02-01", "2026-05-29 2026-07-31"),
        # Several weekdays of a month are all taken.
        ("0 0 * * fri#1,fri#3", "2026-05-01", "2026-05-15 2026-06-05"),
        ("0 0 * * friL,mon#1", "2026-05-01", "2026-05-04 2026-05-29"),
        ("0 0 * * sun,fri#2", "2026-05-01", "2026-05-03 2026-05-08 2026-05-10"),
        # Of two restricted days either will do.
        ("0 0 15 * fri", "2026-05-09", "2026-05-15 2026-05-22 2026-05-29"),
        ("0 0 13 * fri#2", "2026-05-01", "2026-05-08 2026-05-13"),
        ("0 0 30 2 mon", "2026-02-01", "2026-02-02"),  # the 30th never comes, Mondays do
        # Where one of the two begins with a star, both must match.
        ("0 0 */2 * mon", "2026-05-01", "2026-05-11 2026-05-25"),
        ("0 0 13 * */5", "2026-02-01", "2026-02-13 2026-03-13"),
    ],
)
def test_days_are_chosen_by_month_and_week(expression: str, start: str, dates: str) -> None:
    found = walk(cron(expression), datetime.fromisoformat(start).replace(tzinfo=UTC))
    for date in dates.split():
        assert f"{next(found):%Y-%m-%d}" == date


def test_the_answer_is_strictly_after_the_moment_and_in_utc() -> None:
    rule, noon = cron("0 12 * * *", "Asia/Tokyo"), datetime(2030, 1, 1, 3, tzinfo=UTC)
    assert rule.after(noon - timedelta(microseconds=1)) == noon
    assert rule.after(noon) == noon + timedelta(days=1)
    found = rule.after(noon.astimezone(ZoneInfo("America/New_York")))
    assert found is not None
    assert found.tzinfo is UTC
    with pytest.raises(ValueError, match="offset"):
        rule.after(datetime(2030, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("timezone", ["UTC", MADRID, "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_at_the_end_of_time_there_is_none(timezone: str) -> None:
    moment = datetime.max.replace(tzinfo=UTC)
    for expression in ("* * * * *", "0 0 29 2 *", "0 3 * * *", "* * * * * *", "0 0 * 2 fri#5"):
        for days in (0, 1, 2):
            assert cron(expression, timezone).after(moment - timedelta(days=days)) is None or days


NO_ZONES = [
    "", "Mars/Base", "Europe", "europe/madrid/", "/etc/passwd", "../UTC", "UTC\0", "posix/UTC", "right/UTC",
    "localtime", "Factory", "posixrules", "tzdata.zi", "zone.tab", "Europe/Madrid ", "x" * 1000, "Ümlaut",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_ZONES)
def test_an_unknown_time_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        cron("* * * * *", name)
    assert refused.value.loc == "timezone"


@given(st.text(max_size=80))
def test_any_text_is_a_time_zone_or_refused(name: str) -> None:
    with suppress(InvalidValue):
        cron("* * * * *", name)

"""Times and durations as flags."""

from datetime import UTC, datetime, time, timedelta

import click
import pytest

from lapinq.commands.output.times import DURATION, MOMENT, PAST_MOMENT


def test_a_time_is_in_utc_without_an_offset() -> None:
    for text, expected in (
        ("2030-01-31T12:00", "2030-01-31T12:00:00+00:00"),
        ("2030-01-31", "2030-01-31T00:00:00+00:00"),
        ("2030-01-31T12:00+02:00", "2030-01-31T10:00:00+00:00"),
        ("2030-01-31 12:00:00.5Z", "2030-01-31T12:00:00.500000+00:00"),
    ):
        assert MOMENT.convert(text, None, None) == PAST_MOMENT.convert(text, None, None) == expected


def test_a_past_time_may_be_how_long_ago_it_was() -> None:
    for text, ago in (
        ("30m", timedelta(minutes=30)),
        ("-30m", timedelta(minutes=30)),
        ("1h30m", timedelta(minutes=90)),
        ("2d", timedelta(2)),
    ):
        past = datetime.fromisoformat(PAST_MOMENT.convert(text, None, None))
        assert timedelta() <= datetime.now(UTC) - ago - past < timedelta(minutes=1)


def test_a_past_time_may_be_a_day_in_words_which_begins_at_midnight_here() -> None:
    for text, clock in (
        ("yesterday", time()),
        ("Yesterday 14:30", time(14, 30)),
        ("yesterdayT9:05", time(9, 5)),
    ):
        before = datetime.now(UTC).astimezone().date()
        past = datetime.fromisoformat(PAST_MOMENT.convert(text, None, None))
        days = {before, datetime.now(UTC).astimezone().date()}
        wall = {datetime.combine(day - timedelta(1), clock) for day in days}
        assert past in {one.astimezone(UTC) for one in wall}, text


def test_a_duration_is_a_number_of_seconds_or_an_interval() -> None:
    for text, seconds in (("0", 0), ("1.5", 1.5), ("90", 90), ("90s", 90), ("1h30m", 5400), ("2d", 172_800)):
        assert DURATION.convert(text, None, None) == seconds


@pytest.mark.parametrize("kind", [MOMENT, PAST_MOMENT, DURATION])
def test_other_texts_are_refused(kind: click.ParamType[object]) -> None:
    for text in (
        "",
        "soon",
        "tomorrow",
        "today 24:00",
        "1x",
        "-1",
        "nan",
        "inf",
        "1e999",
        "0001-01-01T00:00+10:00",
        "99999d",
    ):
        with pytest.raises(click.BadParameter):
            kind.convert(text, None, None)

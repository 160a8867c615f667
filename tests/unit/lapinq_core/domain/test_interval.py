from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS, Interval, interval_in_words, interval_text, read_interval

moments = st.integers(0, 2**32 * 1000).map(
    lambda passed: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=passed)
)
intervals = st.integers(1, MAX_SECONDS)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("15m", 900), ("1h30m", 5400), ("90s", 90), ("2d", 172_800), ("1w", 604_800), ("3652d12h", MAX_SECONDS)],
)
def test_an_interval_is_whole_numbers_of_units(text: str, seconds: int) -> None:
    assert read_interval(text) == seconds


NO_INTERVALS = [
    "", "5", "m", "0s", "0h0m", "30m1h", "1m1m", "1.5h", "-5m", "1h 30m", "1H", "1y", "1ms", "٣s", "5m\n", "3652d12h1s",
    "999999999w", "9999999999s",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_INTERVALS)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        read_interval(text)
    assert caught.value.loc == "every"
    with pytest.raises(InvalidValue):
        Interval(0, datetime(2030, 1, 1, tzinfo=UTC))


@given(intervals)
def test_the_usual_form_reads_as_the_same_seconds(seconds: int) -> None:
    assert read_interval(interval_text(seconds)) == seconds


@pytest.mark.parametrize(
    ("seconds", "text", "english", "spanish"),
    [
        (900, "15m", "Every 15 minutes", "Cada 15 minutos"),
        (90, "1m30s", "Every 1 minute and 30 seconds", "Cada 1 minuto y 30 segundos"),
        (60, "1m", "Every minute", "Cada minuto"),
        (86_400, "1d", "Every day", "Cada día"),
        (864_000, "10d", "Every 10 days", "Cada 10 días"),
        (1_209_600, "2w", "Every 2 weeks", "Cada 2 semanas"),
        (93_601, "1d2h1s", "Every 1 day, 2 hours and 1 second", "Cada 1 día, 2 horas y 1 segundo"),
    ],
)
def test_an_interval_has_a_usual_form_and_words(seconds: int, text: str, english: str, spanish: str) -> None:
    assert interval_text(seconds) == text
    assert interval_in_words(seconds) == english
    assert interval_in_words(seconds, "es") == spanish


@given(intervals, moments, moments)
def test_the_next_time_is_the_first_of_the_series_after_the_moment(
    seconds: int, anchor: datetime, moment: datetime
) -> None:
    found = Interval(seconds, anchor).after(moment)
    assert found > moment
    assert found >= anchor
    assert (found - anchor) % timedelta(seconds=seconds) == timedelta()
    assert found == anchor or found - timedelta(seconds=seconds) <= moment


def test_time_that_passed_counts_and_not_what_clocks_show() -> None:
    madrid = ZoneInfo("Europe/Madrid")
    ticks = Interval(86_400, datetime(2030, 3, 30, 12, tzinfo=madrid))
    found = ticks.after(datetime(2030, 3, 30, 12, tzinfo=madrid))
    assert found == datetime(2030, 3, 31, 13, tzinfo=madrid), "clocks were put forward meanwhile"

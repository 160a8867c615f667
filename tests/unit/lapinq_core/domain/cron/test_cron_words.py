import calendar
import locale
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lapinq_core.domain.cron.expression import read_cron
from lapinq_core.domain.cron.words import in_words
from lapinq_core.domain.errors import InvalidValue
from tests.support.tries import tries


def words(expression: str, language: str = "en") -> str:
    return in_words(read_cron(expression, "UTC", seed="backup"), language)


@pytest.mark.parametrize(
    ("expression", "english", "spanish"),
    [
        ("0 9 * * mon-fri", "At 09:00, Monday through Friday", "A las 09:00, de lunes a viernes"),
        ("*/5 * * * *", "Every 5 minutes", "Cada 5 minutos"),
        ("@daily", "At 00:00", "A las 00:00"),
        ("H H * * *", "At 05:27", "A las 05:27"),
        ("0 */2 * * *", "Every 2 hours", "Cada 2 horas"),
        (
            "0 22-2 * * *",
            "At 00:00, 01:00, 02:00, 22:00 and 23:00",
            "A las 00:00, 01:00, 02:00, 22:00 y 23:00",
        ),
        ("30 15 10 * * *", "At 10:15:30", "A las 10:15:30"),
        (
            "*/10 9-17 * * *",
            "Every 10 minutes, between 09:00 and 17:59",
            "Cada 10 minutos, entre las 09:00 y las 17:59",
        ),
        ("* 9,18 * * *", "Every minute, hours 9 and 18", "Cada minuto, horas 9 y 18"),
        (
            "0 0 L,15 * *",
            "At 00:00, on day 15 and the last day of the month",
            "A las 00:00, el día 15 y el último día del mes",
        ),
        (
            "0 0 * * fri#1,fri#3",
            "At 00:00, on the first Friday of the month and the third Friday of the month",
            "A las 00:00, el primer viernes del mes y el tercer viernes del mes",
        ),
        (
            "0 0 * * friL",
            "At 00:00, on the last Friday of the month",
            "A las 00:00, el último viernes del mes",
        ),
        (
            "0 0 15 * fri",
            "At 00:00, on day 15 of the month or on Friday",
            "A las 00:00, el día 15 del mes o el viernes",
        ),
        (
            "0 0 */15 * mon",
            "At 00:00, on days 1, 16 and 31 of the month if it is Monday",
            "A las 00:00, los días 1, 16 y 31 del mes si es lunes",
        ),
        (
            "0 0 * * sat,sun",
            "At 00:00, only on Saturday and Sunday",
            "A las 00:00, solo el sábado y el domingo",
        ),
        ("0 0 * 6-8 *", "At 00:00, June through August", "A las 00:00, de junio a agosto"),
        ("0 0 1-31 * fri", "At 00:00", "A las 00:00"),
    ],
)
def test_an_expression_is_said_in_both_languages(expression: str, english: str, spanish: str) -> None:
    assert words(expression) == english
    assert words(expression, "es") == spanish


def test_a_language_that_is_not_known_is_english() -> None:
    assert words("0 9 * * *", "de") == "At 09:00"


def test_the_locale_of_the_process_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calendar, "day_name", ["?"] * 7)
    monkeypatch.setattr(locale, "getlocale", lambda: ("xx_XX", "UTF-8"))
    assert words("0 9 1 jan mon", "es") == "A las 09:00, el día 1 del mes o el lunes, solo en enero"


numbers = st.integers(0, 59).map(str) | st.sampled_from(
    ["*", "*/5", "*/7", "*/59", "0-30", "50-10", "H", "H/7", "1,2,3,50"]
)
hours = st.sampled_from(["*", "0", "9", "9,18", "*/2", "*/5", "1-23/2", "22-2", "9-17", "H"])
days = st.sampled_from(["*", "1", "L", "L,15", "*/2", "28-3", "H", "1-31"])
weekdays = st.sampled_from(["*", "mon", "sat-mon", "fri#1,tue#2", "mon,friL", "*/2", "0-6", "H"])


@settings(deadline=None, max_examples=tries(300))
@given(
    st.lists(numbers, min_size=1, max_size=2),
    hours,
    days,
    st.sampled_from(["*", "2", "*/5", "nov-feb"]),
    weekdays,
)
def test_whatever_is_read_is_said(times: list[str], hour: str, day: str, month: str, weekday: str) -> None:
    expression = " ".join([*times, hour, day, month, weekday])
    try:
        rule = read_cron(expression, "UTC", seed="x")
    except InvalidValue:
        return
    for language in ("en", "es"):
        said = in_words(rule, language)
        assert re.fullmatch(r"[A-Z][\w:, áéíóú-]+", said), said

"""Numbers and times as people read them."""

from markupsafe import Markup

from lapinq_api.dashboard.page.number_style import number_style
from lapinq_api.dashboard.page.words import (
    browser,
    number,
    rate,
    seconds,
    size,
    thousands,
    visible,
    written_in,
)

SPANS = [
    (None, "–"), (-0.5, "0 ms"), (0, "0 ms"), (0.0009, "<1 ms"), (0.001, "1 ms"),
    (0.012, "12 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"),
    (3.44, "3.4 s"), (9.94, "9.9 s"), (9.96, "9 s"), (59.9, "59 s"), (60, "1 min"), (119.9, "1 min 59 s"),
    (3599, "59 min 59 s"), (3600, "1 h"), (6000, "1 h 40 min"), (86_399, "23 h 59 min"), (86_400, "1 d"),
    (86_459, "1 d"), (258_000, "2 d 23 h"), (1e9, "11\u202f574 d 1 h"),
]  # fmt: skip
INTERNATIONAL = ["999", "1\u202f000", "1\u202f234\u202f567", "0.5", "3.4 s", "1.5 GiB"]
AMERICAN = ["999", "1,000", "1,234,567", "0.5", "3.4 s", "1.5 GiB"]
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36 Edg/150.0"
CHROME = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1"


def test_spans_of_time() -> None:
    for value, text in SPANS:
        assert seconds(value) == text


def test_numbers_are_written_as_in_the_readers_region() -> None:
    for accepted, texts in (
        ("", INTERNATIONAL),
        ("tlh", INTERNATIONAL),
        ("*;q=0.5", INTERNATIONAL),
        ("en-US,en;q=0.9", AMERICAN),
        ("de-DE,de;q=0.9,en;q=0.8", ["999", "1.000", "1.234.567", "0,5", "3,4 s", "1,5 GiB"]),
        ("de-AT", ["999", "1\xa0000", "1\xa0234\xa0567", "0,5", "3,4 s", "1,5 GiB"]),
        ("es", ["999", "1000", "1.234.567", "0,5", "3,4 s", "1,5 GiB"]),
        ("es-MX,es;q=0.9", AMERICAN),
        ("zh-Hant-TW", AMERICAN),
    ):
        with written_in(number_style(accepted)):
            counts = [thousands(number) for number in (999, 1000, 1_234_567)]
            assert [*counts, rate(0.5), seconds(3.44), size(1_600_000_000)] == texts, accepted


def test_numbers_that_somebody_set_are_exact() -> None:
    exact = ["3", "0,25", "20", "1.234,5", "100.000.000", "29"]
    with written_in(number_style("de")):
        assert [number(value) for value in (3, 0.25, 20.0, 1234.5, 1e8, 0.29 * 100)] == exact


def test_browsers() -> None:
    for user_agent, found in (
        (None, (None, None)),
        ("", (None, None)),
        ("curl/8.14.1", ("curl/8.14.1", None)),
        ("x" * 500, ("x" * 60 + "…", None)),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ("Firefox", "Linux")),
        (EDGE, ("Edge", "Windows")),
        (CHROME, ("Chrome", "Android")),
        (SAFARI, ("Safari", "iOS")),
    ):
        assert browser(user_agent) == found


def test_characters_that_change_the_direction_are_seen() -> None:
    assert visible("user\u202e live\u2066!") == "user\\u202e live\\u2066!"
    assert visible(Markup("<b>\u200f</b>")) == Markup("<b>\\u200f</b>")
    assert isinstance(visible(Markup("<b>\u200f</b>")), Markup)
    for value in ("\u05e9\u05dc\u05d5\u05dd", "ü", "", 3, None):
        assert visible(value) == value

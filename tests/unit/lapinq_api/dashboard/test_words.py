"""Numbers and times as people read them."""

import pytest

from lapinq_api.dashboard.page.words import browser, seconds, thousands


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (-0.5, "0 ms"),
        (0.0004, "0 ms"),
        (0.012, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (3.44, "3.4 s"),
        (9.94, "9.9 s"),
        (9.96, "9 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (172_799, "47 h"),
        (172_800, "2 d"),
        (1e9, "11574 d"),
    ],
)
def test_spans_of_time(value: float | None, text: str) -> None:
    assert seconds(value) == text


def test_counts() -> None:
    assert [thousands(n) for n in (0, 999, 1000, 1234567)] == [
        "0",
        "999",
        "1\u202f000",
        "1\u202f234\u202f567",
    ]


@pytest.mark.parametrize(
    ("user_agent", "found"),
    [
        (None, (None, None)),
        ("", (None, None)),
        ("curl/8.14.1", ("curl/8.14.1", None)),
        ("x" * 500, ("x" * 60 + "…", None)),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ("Firefox", "Linux")),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/150.0.0.0 Safari/537.36 Edg/150.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36",
            ("Chrome", "Android"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Safari/604.1",
            ("Safari", "iOS"),
        ),
    ],
)
def test_browsers(user_agent: str | None, found: tuple[str | None, str | None]) -> None:
    assert browser(user_agent) == found

"""Formats numbers and times for people, and names for URLs.

While a page is rendered, `written_in` sets how its reader's region writes numbers.
"""

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from jinja2.filters import do_urlencode
from markupsafe import Markup

from lapinq_api.dashboard.page.number_style import NEUTRAL, NumberStyle
from lapinq_core.domain.schedules.schedule_words import sentence_of
from lapinq_core.domain.tasks.retry import Delays, RetryPolicy, planned_waits

_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_style: ContextVar[NumberStyle] = ContextVar("number style", default=NEUTRAL)


@contextmanager
def written_in(style: NumberStyle) -> Generator[None]:
    """Inside it, numbers are written in this style."""
    token = _style.set(style)
    try:
        yield
    finally:
        _style.reset(token)


def seconds(value: float | None) -> str:
    """A duration: "<1 ms", "12 ms", "3.4 s", "42 s"; from a minute on in two units, "1 h 40 min", "2 d"; a dash for
    None."""
    if value is None:
        return "–"
    if 0 < value < 0.001:
        return "<1 ms"
    if value < 0.9995:
        return f"{max(value, 0) * 1000:.0f} ms"
    if value < 9.95:
        return f"{_style.get().decimal(value)} s"
    return _in_two_units(int(value))


def period(value: float) -> str:
    """A duration that somebody set: "0.5 s", "1 s", "1 min"."""
    return f"{number(value)} s" if value < 60 else seconds(value)


def _in_two_units(left: int) -> str:
    first = next(number for number, (unit, _) in enumerate(_UNITS) if left >= unit)
    words: list[str] = []
    for unit, name in _UNITS[first : first + 2]:
        count, left = divmod(left, unit)
        if count:
            words.append(f"{thousands(count)} {name}")
    return " ".join(words)


def thousands(value: int) -> str:
    """A count, with groups of three digits."""
    return _style.get().integer(value)


def number(value: float) -> str:
    """A number that somebody set: "3", "0.25", "90,000"."""
    whole, _, fraction = f"{value:.6f}".rstrip("0").partition(".")
    return thousands(int(whole)) + (_style.get().point + fraction if fraction else "")


def moment(value: datetime) -> str:
    """A point in time to the second."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def address(value: datetime) -> str:
    """A point in time for a URL, exactly: without a plus sign, which means a space in a query."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def local(text: str) -> str:
    """An ISO 8601 time as local time, to the second: "2026-11-25 10:00:00 +01:00"."""
    return f"{text[:10]} {text[11:19]} {text[-6:]}"


def browser(user_agent: str | None) -> tuple[str | None, str | None]:
    """Browser and system from a User-Agent header. For another program: the shortened header."""
    if not user_agent:
        return None, None
    name = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    if name is None:
        is_short = len(user_agent) <= _MAX_AGENT
        return (user_agent if is_short else f"{user_agent[:_MAX_AGENT]}…"), None
    return name, next((name for mark, name in _SYSTEMS if mark in user_agent), None)


def json(value: object) -> str:
    """JSON for an attribute that a script reads."""
    return msgspec.json.encode(value).decode()


def size(value: int | None) -> str:
    """An amount of memory: "512 B", "14 MiB", "1.5 GiB"; a dash for None."""
    if value is None:
        return "–"
    amount, unit = float(value), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024 or unit == "GiB":
            break
        amount /= 1024
    is_small = amount < 9.95 and unit != "B"
    return f"{_style.get().decimal(amount) if is_small else thousands(round(amount))} {unit}"


def rate(value: float) -> str:
    """A number per unit of time: "0", "0.5", "1 234"."""
    return (
        _style.get().decimal(value) if 0 < value < 9.95 and value != int(value) else thousands(round(value))
    )


def visible(value: object) -> object:
    """A text with characters that change its direction as escapes: "\\u202e".

    They are invisible and reorder what follows, so that "evil" reads as "live". Other values stay.
    """
    if not isinstance(value, str) or value.isascii():
        return value
    text = _DIRECTIONS.sub(lambda found: f"\\u{ord(found[0]):04x}", str(value))
    return Markup(text) if isinstance(value, Markup) else text  # noqa: S704  # as safe as before


class _Retried(Protocol):
    max_retries: int
    retry_delay: float
    retry_backoff: bool


def waits(options: _Retried, of_function: Sequence[float]) -> tuple[float, float] | None:
    """The first and last delay before a retry, as planned: by the function, or else by the options."""
    schedule = Delays(tuple(of_function)) if of_function else None
    return planned_waits(
        RetryPolicy(options.max_retries, options.retry_delay, options.retry_backoff, schedule)
    )


def percent(value: float) -> str:
    """A share from 0 to 1: "0 %", "<0.1 %", "0.4 %", "12 %"."""
    shown = f"<{_style.get().decimal(0.1)}" if 0 < value < 0.001 else rate(round(value * 100, 1))
    return f"{shown}\N{NARROW NO-BREAK SPACE}%"


def urlencode(value: str | Mapping[str, str]) -> str:
    """Like Jinja's filter, but also encodes slashes: a browser would resolve a queue named ../schedules/x as a path."""
    return do_urlencode(value).replace("/", "%2F")


FILTERS: dict[str, Callable[..., Any]] = {
    "address": address,
    "bytes": size,
    "json": json,
    "local": local,
    "number": number,
    "percent": percent,
    "period": period,
    "rate": rate,
    "seconds": seconds,
    "sentence": sentence_of,
    "thousands": thousands,
    "urlencode": urlencode,
    "moment": moment,
    "waits": waits,
}
"""The filters of the templates."""

_MAX_AGENT = 60
# Ordered: a browser's header may also contain the marks below its own.
_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("HeadlessChrome/", "Headless Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iPadOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)

"""Formats numbers and times for people, and names for URLs."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from jinja2.filters import do_urlencode

from lapinq_core.domain.schedules.schedule_words import sentence_of

_STEPS = ((60.0, 1, "s"), (3600.0, 60, "min"), (172_800.0, 3600, "h"))


def seconds(value: float | None) -> str:
    """A duration: "12 ms", "3.4 s", "5 min", "2 h", "4 d"; a dash for None."""
    if value is None:
        return "–"
    if value < 0.9995:
        return f"{max(value, 0) * 1000:.0f} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    for below, unit, name in _STEPS:
        if value < below:
            return f"{int(value / unit)} {name}"
    return f"{int(value / 86_400)} d"


def thousands(value: int) -> str:
    """A count with thin spaces between groups of three digits."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def moment(value: datetime) -> str:
    """A point in time to the second."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def local(text: str) -> str:
    """An ISO 8601 time as local time: "2026-11-25 10:00:00 +01:00"."""
    return f"{text[:10]} {text[11:19]} {text[19:]}"


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
    return f"{amount:.1f} {unit}" if amount < 9.95 and unit != "B" else f"{amount:.0f} {unit}"


def rate(value: float) -> str:
    """A number per unit of time: "0", "0.5", "1 234"."""
    return f"{value:.1f}" if 0 < value < 9.95 and value != int(value) else thousands(round(value))


def urlencode(value: str | Mapping[str, str]) -> str:
    """Like Jinja's filter, but also encodes slashes: a browser would resolve a queue named ../schedules/x as a path."""
    return do_urlencode(value).replace("/", "%2F")


FILTERS = {
    "bytes": size,
    "json": json,
    "local": local,
    "rate": rate,
    "seconds": seconds,
    "sentence": sentence_of,
    "thousands": thousands,
    "urlencode": urlencode,
    "moment": moment,
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

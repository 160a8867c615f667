"""Schedules with a fixed interval, and how an interval is written: `1h30m`."""

import re
from datetime import UTC, datetime, timedelta

import msgspec

from lapinq_core.domain.errors import InvalidValue

MAX_SECONDS = 315_576_000  # ten years
_UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_INTERVAL = re.compile("".join(rf"(?:(\d{{1,9}}){unit})?" for unit in _UNITS), re.ASCII)
_NAMES = {
    "en": {"w": ("week", "weeks"), "d": ("day", "days"), "h": ("hour", "hours"), "m": ("minute", "minutes")}
    | {"s": ("second", "seconds")},
    "es": {
        "w": ("semana", "semanas"),
        "d": ("día", "días"),
        "h": ("hora", "horas"),
        "m": ("minuto", "minutos"),
    }
    | {"s": ("segundo", "segundos")},
}


class Interval(msgspec.Struct, frozen=True):
    """Every `seconds` from `anchor` on, which has an offset. Counts elapsed time, whatever clocks show."""

    seconds: int
    anchor: datetime

    def __post_init__(self) -> None:
        if self.seconds < 1:
            raise InvalidValue("every", "must be at least 1s")

    def after(self, moment: datetime) -> datetime:
        """The first time strictly after `moment`, in UTC; the anchor itself if `moment` is before it."""
        anchor, step = self.anchor.astimezone(UTC), timedelta(seconds=self.seconds)
        passed = moment.astimezone(UTC) - anchor
        return anchor if passed < timedelta() else anchor + (passed // step + 1) * step


def read_interval(text: str) -> int:
    """The seconds of a text like `15m`, `1h30m` or `2d`: whole numbers of w, d, h, m and s, in this order.

    Raises `InvalidValue`.
    """
    found = _INTERVAL.fullmatch(text)
    if not text or not found:
        raise InvalidValue(
            "every", "must be whole numbers of w, d, h, m and s, in this order, such as 15m or 1h30m"
        )
    seconds = sum(
        int(number or 0) * size for number, size in zip(found.groups(), _UNITS.values(), strict=True)
    )
    if not 1 <= seconds <= MAX_SECONDS:
        raise InvalidValue("every", f"must be between 1s and {interval_text(MAX_SECONDS)} (ten years)")
    return seconds


def interval_text(seconds: int) -> str:
    """`seconds` in the normal form that `read_interval` reads."""
    return "".join(f"{number}{unit}" for number, unit in _parts(seconds))


def interval_in_words(seconds: int, language: str = "en") -> str:
    """A sentence such as "Every 15 minutes". `language` is "en" or "es"; any other gives English."""
    names = _NAMES.get(language, _NAMES["en"])
    every, last = ("Cada", " y ") if language == "es" else ("Every", " and ")
    parts = _parts(seconds)
    if len(parts) == 1 and parts[0][0] == 1:
        return f"{every} {names[parts[0][1]][0]}"
    said = [f"{number} {names[unit][number != 1]}" for number, unit in parts]
    return f"{every} {last.join([', '.join(said[:-1]), said[-1]] if len(said) > 1 else said)}"


def _parts(seconds: int) -> list[tuple[int, str]]:
    """The count of each unit that occurs. Weeks only if whole: ten days stay days."""
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS.items():
        if unit != "w" or seconds % size == 0:
            number, seconds = divmod(seconds, size)
            parts += [(number, unit)] if number else []
    return parts

"""Times as people read them."""

from datetime import UTC, datetime, timedelta

import click

from lapinq_core.domain.day_words import wall_time
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS, read_interval


class _Moment(click.ParamType[str]):
    """A time as the API reads it; UTC without an offset."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            at = datetime.fromisoformat(str(value))
            return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            self.fail(self.refusal(str(value)), param, ctx)

    def refusal(self, text: str) -> str:
        return f"{text!r} is not a time such as 2030-01-31T12:00, in UTC without an offset"


class _PastMoment(_Moment):
    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            # Of the day in words, in the zone of this machine.
            if at := wall_time(text, datetime.now(UTC).astimezone().date()):
                return at.astimezone(UTC).isoformat()
            return (datetime.now(UTC) - timedelta(seconds=read_interval(text.removeprefix("-")))).isoformat()
        except InvalidValue:
            return super().convert(value, param, ctx)

    def refusal(self, text: str) -> str:
        return (
            f"{text!r} is neither a time ago such as 30m, 2h or 1d, nor today, yesterday or a time such as"
            " 2030-01-31T12:00"
        )


class Duration(click.ParamType[float]):
    """Seconds, written as a number or as an interval."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        try:
            seconds = float(text) if text[-1:].isdigit() else float(read_interval(text))
        except (ValueError, InvalidValue):
            seconds = -1.0
        if not 0 <= seconds <= MAX_SECONDS:
            self.fail(f"{text!r} is not a duration such as 90, 30s, 15m, 1h30m or 2d", param, ctx)
        return seconds


MOMENT = _Moment()
PAST_MOMENT = _PastMoment()
"""A time, how long ago it was, or a day in words in the zone of this machine."""
DURATION = Duration()

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def span(seconds: float) -> str:
    """Such as "5 m" or "2 d 3 h"; "0 s" for less than a second."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        number, left = divmod(left, size)
        if number > 0:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def utc(moment: datetime) -> str:
    """To the second, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def utc_time(text: str) -> str:
    """A time as the API writes it, to the second, in UTC, for a column whose heading says so."""
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def utc_text(text: str | None) -> str | None:
    """The same for a time as the API writes it; None stays None."""
    return None if text is None else utc(datetime.fromisoformat(text))

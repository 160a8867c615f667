"""A rate: a token bucket that says how many starts, or units of a named limit, a period allows."""

import math

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import interval_text, read_interval

MAX_AMOUNT = 1_000_000_000
MIN_PERIOD_SECONDS = 0.001
"""With much less, what a period brings would be more than a number of the database can hold."""
MAX_PERIOD_SECONDS = 31_536_000
"""A year."""
MAX_FILL_SECONDS = 100 * 31_557_600
"""A hundred years; it is also in `lapinq_filled_at_1`."""
_UNIT_PERIODS = ("1s", "1m", "1h", "1d", "1w")


class Rate(msgspec.Struct, frozen=True):
    """`limit` tokens come in per period, evenly. The bucket holds `burst` of them, and is full at first."""

    limit: float
    period_seconds: float
    burst: float

    def __str__(self) -> str:
        """As `rate_parts` reads it: `60/m`, `100/30s` or `90000/m/10000`. A burst that is the default is left out."""
        period = str(whole(self.period_seconds))
        if period.isdecimal():
            period = interval_text(int(period))
        parts = [str(whole(self.limit)), period[1:] if period in _UNIT_PERIODS else period]
        if self.burst != max(1, self.limit):
            parts.append(str(whole(self.burst)))
        return "/".join(parts)


def rate_parts(text: str) -> tuple[float, float, float | None]:
    """The limit, the seconds of the period and the burst of a text like `60/m`, `60/60` or `90000/15m/10000`.

    Raises ValueError.
    """
    limit, period, *burst = text.split("/", 2)
    return whole(float(limit)), _seconds(period), whole(float(burst[0])) if burst else None


def _seconds(period: str) -> float:
    try:
        return whole(float(period))
    except ValueError:
        pass
    try:
        return read_interval(period if period[:1].isdigit() else f"1{period}")
    except InvalidValue as error:
        raise ValueError(error.msg) from None


def checked_rate(field: str, limit: float, period_seconds: float, burst: float | None) -> Rate:
    """The rate; `burst` is `limit` if it is None, but at least 1: a start takes a whole token.

    Raises `InvalidValue` that names the place in `field`.
    """
    if not 0 < limit <= MAX_AMOUNT:
        raise InvalidValue(f"{field}.limit", f"must be more than 0, and at most {MAX_AMOUNT:,}")
    if not MIN_PERIOD_SECONDS <= period_seconds <= MAX_PERIOD_SECONDS:
        raise InvalidValue(
            f"{field}.period_seconds",
            f"must be from {MIN_PERIOD_SECONDS} to {MAX_PERIOD_SECONDS:,} seconds (a year)",
        )
    if burst is not None and not 1 <= burst <= MAX_AMOUNT:
        raise InvalidValue(
            f"{field}.burst", f"must be from 1 to {MAX_AMOUNT:,}: with less than 1 nothing could start"
        )
    burst = max(1.0, limit) if burst is None else burst
    if burst * period_seconds / limit > MAX_FILL_SECONDS:
        raise InvalidValue(f"{field}.limit", "is too low: the bucket would take more than 100 years to fill")
    return Rate(whole(limit), whole(period_seconds), whole(burst))


def whole(number: float) -> float:
    """An integer if it is one, so that people read 100 and not 100.0."""
    return int(number) if math.isfinite(number) and number == int(number) else number

"""Rates on the command line: `100/m`, or `100/m/200` with a burst."""

from collections.abc import Mapping
from typing import Any

from lapinq_core.domain.limits.rate import Rate, rate_parts, whole


def read_rate(text: str) -> dict[str, float]:
    """The rate of N/PERIOD or N/PERIOD/BURST, as the API takes it. Raises ValueError."""
    try:
        limit, seconds, burst = rate_parts(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no rate such as 60/m, 100/30s or, with a burst, 90000/m/10000"
        ) from None
    rate = {"limit": limit, "period_seconds": seconds}
    return rate if burst is None else {**rate, "burst": burst}


def plain_number(text: str) -> float:
    """An integer if it is one. Raises ValueError."""
    return whole(float(text))


def rate_text(rate: Mapping[str, Any] | None) -> str | None:
    """A rate of the API, as `read_rate` reads it."""
    return None if rate is None else str(Rate(**rate))

"""Rates on the command line: `100/60` or `100/m`, or `100/60/200` with a burst."""

from collections.abc import Mapping
from typing import Any

from lapinq_core.domain.limits.rate import Rate, rate_parts, whole


def read_rate(text: str) -> dict[str, float]:
    """The rate of N/SECONDS or N/SECONDS/BURST, as the API takes it. Raises ValueError."""
    limit, seconds, burst = rate_parts(text)
    rate = {"limit": limit, "period_seconds": seconds}
    return rate if burst is None else {**rate, "burst": burst}


def plain_number(text: str) -> float:
    """An integer if it is one. Raises ValueError."""
    return whole(float(text))


def rate_words(rate: Mapping[str, Any], of: str, whose: str = "") -> str:
    """A rate of the API, for a line of text: "100 starts per 60 s"."""
    burst = "" if rate["burst"] == rate["limit"] else f", {_shown(rate['burst'])} at once"
    return f"{_shown(rate['limit'])} {of} per {_shown(rate['period_seconds'])} s{whose}{burst}"


def rate_text(rate: Rate) -> str:
    """As `read_rate` reads it."""
    parts = [rate.limit, rate.period_seconds]
    if rate.burst != max(1, rate.limit):
        parts.append(rate.burst)
    return "/".join(str(whole(part)) for part in parts)


def _shown(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"

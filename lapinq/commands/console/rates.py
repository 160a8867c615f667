"""Rates on the command line: `100/60`, or `100/60/200` with a burst."""

from collections.abc import Mapping
from typing import Any


def read_rate(text: str) -> dict[str, float]:
    """The rate of N/SECONDS or N/SECONDS/BURST, as the API takes it. Raises ValueError."""
    limit, seconds, *burst = map(plain_number, text.split("/", 2))
    rate = {"limit": limit, "period_seconds": seconds}
    return {**rate, "burst": burst[0]} if burst else rate


def plain_number(text: str) -> float:
    """An integer if it is one. Raises ValueError."""
    number = float(text)
    return int(number) if number.is_integer() else number


def rate_words(rate: Mapping[str, Any], of: str, whose: str = "") -> str:
    """A rate of the API, for a line of text: "100 starts per 60 s"."""
    burst = "" if rate["burst"] == rate["limit"] else f", {_shown(rate['burst'])} at once"
    return f"{_shown(rate['limit'])} {of} per {_shown(rate['period_seconds'])} s{whose}{burst}"


def _shown(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"

"""Failures over time as bars: the rectangles of an SVG that the server draws, retried attempts above failed tasks."""

from datetime import UTC, datetime, timedelta

import msgspec

from lapinq_core.error_groups.trends import Bars, Trend

HEIGHT = 64.0
STEP, WIDTH = 10.0, 8.0
_LEAST = 1.5
"""A bar that stands for few beside one that stands for many can still be seen."""


class Bar(msgspec.Struct, frozen=True):
    """A point in time. Heights are from the ground, `failed_height` first."""

    at: datetime
    x: float
    failed: int
    retried: int
    failed_height: float
    height: float


class FailureBars(msgspec.Struct, frozen=True):
    """`most` is what the highest bar stands for, `total` all of them."""

    bars: list[Bar]
    width: float
    most: int
    total: int


def failure_bars(trend: Trend, shape: Bars, now: datetime) -> FailureBars:
    """The bars of a trend that ends at `now`."""
    totals = [sum(each) for each in zip(*trend, strict=True)]
    most = max(totals)
    width = timedelta(seconds=shape.width)
    last = datetime.fromtimestamp(now.timestamp() // shape.width * shape.width, UTC)
    bars = [
        Bar(
            at=last - (shape.points - 1 - place) * width,
            x=place * STEP + (STEP - WIDTH) / 2,
            failed=failed,
            retried=retried,
            failed_height=_height(failed, most),
            height=_height(failed + retried, most),
        )
        for place, (failed, retried) in enumerate(zip(*trend, strict=True))
        if failed or retried
    ]
    return FailureBars(bars, shape.points * STEP, most, sum(totals))


def _height(count: int, most: int) -> float:
    return round(max(_LEAST, HEIGHT * count / most), 2) if count else 0.0

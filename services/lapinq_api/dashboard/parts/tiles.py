"""The tiles of a page: a number each, how it went, and how much it changed since the time before."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from lapinq_core.domain.figures import failure_share
from lapinq_core.figures.levels import Levels
from lapinq_core.figures.rollups import Series

Unit = Literal["count", "rate", "share", "seconds"]

_LEAST = {"count": 1.0, "rate": 0.02, "share": 0.001, "seconds": 0.1}
"""Smaller changes are not told: of counts and shares absolute, of the others relative. A percentile is that exact."""


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """`name` is the key of its texts. `line` are its values over time. `before` is what it is compared with.

    `is_load`: more of it is worse. Of other figures, neither direction is.
    """

    name: str
    unit: Unit
    value: float | None
    before: float | None
    line: Sequence[float | None]
    is_load: bool = True

    @property
    def change(self) -> float | None:
        """By how much it rose: of counts and shares as a number, of the others as a share of what it was before.

        0 if hardly anything changed, None without a comparison.
        """
        if self.value is None or self.before is None:
            return None
        change = self.value - self.before
        if self.unit in {"rate", "seconds"}:
            if not self.before:
                return None
            change /= self.before
        return change if abs(change) >= _LEAST[self.unit] else 0.0


def tiles_of(series: Series, levels: Levels, ready: int | None, running: int) -> list[Tile]:
    """Ready, running, done, failure share and the 95th percentile of waiting."""
    return [
        Tile(name="ready", unit="count", value=ready, before=_first(levels.ready), line=levels.ready),
        Tile(
            name="running",
            unit="count",
            value=running,
            before=_first(levels.running),
            line=levels.running,
            is_load=False,
        ),
        *_done(series),
        Tile(
            name="wait",
            unit="seconds",
            value=series.total.wait_p95,
            before=series.before.wait_p95,
            line=series.wait_p95,
        ),
    ]


def tiles_of_task(series: Series) -> list[Tile]:
    """Of a task name: done, failure share and the 95th percentile of running."""
    run = Tile(
        name="run",
        unit="seconds",
        value=series.total.run_p95,
        before=series.before.run_p95,
        line=series.run_p95,
    )
    return [*_done(series), run]


def _done(series: Series) -> list[Tile]:
    done = [sum(pair) for pair in zip(series.completed, series.failed, strict=True)]
    shares = list(map(failure_share, series.completed, series.failed, series.retried))
    total, before = series.total, series.before
    return [
        Tile(name="done", unit="rate", value=total.done, before=before.done, line=done, is_load=False),
        Tile(
            name="failures",
            unit="share",
            value=total.failure_share,
            before=before.failure_share,
            line=shares,
        ),
    ]


def _first(line: Sequence[int | None]) -> int | None:
    """What it was when the window began; None if nobody sampled then."""
    return next((value for value in line[:2] if value is not None), None)

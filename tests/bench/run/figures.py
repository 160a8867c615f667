"""Readings of several runs, and what they come to."""

import statistics
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

Better = Literal["more", "less"]


class Metric(msgspec.Struct, frozen=True):
    """Something that is measured; `better` says which way."""

    name: str
    unit: str
    better: Better


class Reading(msgspec.Struct, frozen=True):
    """One value of one run."""

    metric: Metric
    contender: str
    value: float


class Case(msgspec.Struct, frozen=True):
    """One thing to measure of one contender; `run` measures it once, and may raise `BenchError`.

    `runs_at_most` is for what takes long.
    """

    title: str
    contender: str
    run: Callable[[], list[Reading]]
    runs_at_most: int | None = None


class Figure(msgspec.Struct, frozen=True):
    """The readings of a metric for a contender, in order of the runs."""

    metric: Metric
    contender: str
    values: list[float]
    median: float
    lowest: float
    highest: float


def summed_up(readings: Sequence[Reading]) -> list[Figure]:
    """A figure for each metric and contender, in the order they first came."""
    values: dict[tuple[Metric, str], list[float]] = {}
    for reading in readings:
        values.setdefault((reading.metric, reading.contender), []).append(reading.value)
    return [
        Figure(metric, contender, runs, statistics.median(runs), min(runs), max(runs))
        for (metric, contender), runs in values.items()
    ]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of `values` do not exceed."""
    ordered = sorted(values)
    rank = -(-share * len(ordered) // 1)  # rounded up
    return ordered[max(0, int(rank) - 1)]


def number(value: float) -> str:
    """As many digits as tell something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

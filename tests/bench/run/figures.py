"""Readings of several runs, what they come to, and lapinq's divided by another's.

Ratios are of one run each: the machine's mood differs from run to run, and cancels out.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

OURS = "lapinq"
ON_DEFAULTS = ", PostgreSQL's defaults"
"""Ends the name of a peer that is measured on settings that suit it better, too."""


class Metric(msgspec.Struct, frozen=True):
    """Something that is measured; `better` says which way."""

    name: str
    unit: str
    better: Literal["more", "less"]


class Reading(msgspec.Struct, frozen=True):
    """One value of one run."""

    metric: Metric
    contender: str
    value: float


class Figure(msgspec.Struct, frozen=True):
    """The readings of a metric for a contender, or the ratios to it, in order of the runs."""

    metric: Metric
    contender: str
    values: list[float]
    median: float
    lowest: float
    highest: float


def figure(metric: Metric, contender: str, values: list[float]) -> Figure:
    return Figure(metric, contender, values, statistics.median(values), min(values), max(values))


def summed_up(readings: Sequence[Reading]) -> list[Figure]:
    """A figure for each metric and contender, in the order they first came."""
    values: dict[tuple[Metric, str], list[float]] = {}
    for reading in readings:
        values.setdefault((reading.metric, reading.contender), []).append(reading.value)
    return [figure(*which, runs) for which, runs in values.items()]


def ratios(figures: Sequence[Figure]) -> list[Figure]:
    """For each metric, lapinq divided by every other contender that has it. Below 1 is good where less is better."""
    ours = {figure.metric: figure for figure in figures if figure.contender == OURS}
    others = [other for other in figures if other.contender != OURS and other.metric in ours]
    return [between(ours[other.metric], other) for other in others]


def between(one: Figure, other: Figure, *, is_difference: bool = False) -> Figure:
    """`one` divided by `other`, or minus it, of the runs that both have."""
    pairs = zip(one.values, other.values, strict=False)
    values = [round(ours - theirs if is_difference else ours / theirs, 4) for ours, theirs in pairs]
    return figure(other.metric, other.contender, values)


def is_won(ratio: Figure) -> bool:
    """Whether lapinq is at least as good in the median."""
    return ratio.median >= 1 if ratio.metric.better == "more" else ratio.median <= 1


def at_best(figures: Iterable[Figure]) -> dict[tuple[str, str], Figure]:
    """By the names of metric and contender; of a peer that has figures on PostgreSQL's defaults too, the better one."""
    found: dict[tuple[str, str], Figure] = {}
    for one in figures:
        which = one.metric.name, one.contender.removesuffix(ON_DEFAULTS)
        other = found.get(which)
        if other is None or (one.median - other.median) * (1 if one.metric.better == "more" else -1) > 0:
            found[which] = one
    return found


def by_metric(figures: Iterable[Figure]) -> dict[Metric, dict[str, Figure]]:
    """The figures of each metric by contender, in the order they come."""
    found: dict[Metric, dict[str, Figure]] = {}
    for one in figures:
        found.setdefault(one.metric, {})[one.contender] = one
    return found


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of `values` do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def number(value: float) -> str:
    """As many digits as tell something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def spread(figure: Figure) -> str:
    """The median, with the lowest and the highest if there are several values."""
    several = f" ({number(figure.lowest)}–{number(figure.highest)})" if len(figure.values) > 1 else ""
    return number(figure.median) + several

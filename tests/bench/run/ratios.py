"""lapinq's figures divided by another's, run by run: the machine's mood differs from run to run, and cancels out."""

import statistics
from collections.abc import Callable, Iterable, Sequence

import msgspec

from tests.bench.run.figures import Figure, Metric

OURS = "lapinq"


class Ratio(msgspec.Struct, frozen=True):
    """`values` in order of the runs. Below 1 is good where less is better."""

    metric: Metric
    contender: str
    values: list[float]
    median: float
    lowest: float
    highest: float

    @property
    def is_won(self) -> bool:
        """Whether lapinq is at least as good in the median."""
        return self.median >= 1 if self.metric.better == "more" else self.median <= 1


def ratios(figures: Sequence[Figure]) -> list[Ratio]:
    """For each metric, lapinq beside every other contender that has it."""
    ours = {figure.metric: figure for figure in figures if figure.contender == OURS}
    return [
        between(ours[other.metric], other)
        for other in figures
        if other.contender != OURS and other.metric in ours
    ]


def between(
    one: Figure, other: Figure, combine: Callable[[float, float], float] = lambda ours, theirs: ours / theirs
) -> Ratio:
    """`one` divided by `other`, or what `combine` makes of them, of the runs that both have."""
    values = [round(combine(ours, theirs), 4) for ours, theirs in zip(one.values, other.values, strict=False)]
    return Ratio(other.metric, other.contender, values, statistics.median(values), min(values), max(values))


def by_metric(figures: Iterable[Figure]) -> dict[Metric, dict[str, Figure]]:
    """The figures of each metric by contender, in the order they come."""
    found: dict[Metric, dict[str, Figure]] = {}
    for figure in figures:
        found.setdefault(figure.metric, {})[figure.contender] = figure
    return found

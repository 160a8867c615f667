"""What measurements share: who takes part, what a reading is, and workers that leave marks."""

import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.bench.contenders import marks
from tests.bench.contenders.contender import Contender
from tests.bench.run.figures import Metric, Reading, percentile
from tests.bench.run.plan import Plan
from tests.bench.run.processes import Child


class Field(msgspec.Struct, frozen=True):
    """Who is measured, lapinq first, and how much."""

    contenders: Sequence[Contender]
    plan: Plan

    @property
    def lapinq(self) -> Contender:
        return self.contenders[0]

    def taking_part(self, measurement: str) -> list[Contender]:
        return [one for one in self.contenders if measurement in one.measures]


class Case(msgspec.Struct, frozen=True):
    """One thing to measure of one contender; `run` measures it once, and may raise `BenchError`.

    `runs_at_most` is for what takes long.
    """

    title: str
    contender: Contender
    run: Callable[[], list[Reading]]
    runs_at_most: int | None = None


class Worker(msgspec.Struct, frozen=True):
    """A running worker, and the directory of its marks."""

    child: Child
    directory: Path

    def runs(self) -> marks.Runs:
        return marks.runs(self.directory)

    def waits(self) -> list[float]:
        return marks.waits(self.directory)


@contextmanager
def working(contender: Contender, database: str, kind: str) -> Generator[Worker]:
    """A worker while the context lasts."""
    with tempfile.TemporaryDirectory() as name, contender.worker(database, kind, Path(name)) as child:
        yield Worker(child, Path(name))


def reading(contender: Contender, name: str, unit: str, value: float) -> Reading:
    """One value. Rates, shares and ratios are the better the more they are; times and sizes are not."""
    better = "less" if unit in {"µs", "ms", "s", "bytes"} else "more"
    return Reading(Metric(name, unit, better), contender.about.name, value)


def percentiles(contender: Contender, name: str, milliseconds: Sequence[float]) -> list[Reading]:
    """The median of times, and what one in a hundred exceeds."""
    return [
        reading(contender, name.format(f"p{share}"), "ms", percentile(milliseconds, share / 100))
        for share in (50, 99)
    ]

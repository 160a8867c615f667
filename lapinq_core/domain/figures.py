"""Figures of a queue that add up over processes and time, and the time ranges for which they are shown."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from heapq import nlargest
from operator import add

import msgspec

from lapinq_core.domain.histogram import BUCKETS

ALL_QUEUES = ""
"""The key of the figures for all queues; no queue has this name."""

FLUSH_SECONDS = 10
"""The shortest span. A worker stores its figures once per span."""

SPANS = {FLUSH_SECONDS: 3 * 3600, 60: 3 * 86_400, 900: 30 * 86_400}
"""The span of a row and how long it is kept, in seconds. Each span is a multiple of the one before."""

TASK_SPANS = {60: 3 * 3600, 900: 3 * 86_400, 7200: 30 * 86_400}
"""The same for the figures of a task name, of which there are more."""

MAX_SLOWEST = 5
"""Tasks of a name in a span that are remembered as its slowest."""

Ran = tuple[float, str]
"""How many seconds a task ran, and its id."""

LEVEL_SPANS = {60: 3 * 3600, 900: 3 * 86_400, 7200: 30 * 86_400}
"""How many seconds a sample of the levels stands for, and how long it is kept."""


def _no_counts() -> list[int]:
    return [0] * BUCKETS


class Figures(msgspec.Struct):
    """How many attempts of a queue, or of one task name in it, started, completed, failed for good and are retried, and
    how long attempts ran and first starts waited, as counts per bucket of `histogram`.

    A start is counted at the claim and taken back at a release, so `started` may be below 0 for a while. Of a task name
    neither starts nor waits are counted. Of a queue `slowest` is empty: the last attempts of tasks that ended, the
    longest first, as seconds and the task's id, at most `MAX_SLOWEST`.
    """

    started: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0
    runs: list[int] = msgspec.field(default_factory=_no_counts)
    waits: list[int] = msgspec.field(default_factory=_no_counts)
    slowest: list[Ran] = []

    def add(self, other: "Figures") -> None:
        """Adds `other`."""
        self.started += other.started
        self.completed += other.completed
        self.failed += other.failed
        self.retried += other.retried
        self.runs = list(map(add, self.runs, other.runs))
        self.waits = list(map(add, self.waits, other.waits))
        self.ran(other.slowest)

    def ran(self, ended: Sequence[Ran]) -> None:
        """The last attempts of tasks that ended took so long."""
        self.slowest = nlargest(MAX_SLOWEST, [*self.slowest, *ended])

    @property
    def slowest_from(self) -> float:
        """A task that ran for longer is among the slowest."""
        return self.slowest[-1][0] if len(self.slowest) == MAX_SLOWEST else 0.0

    @classmethod
    def total(cls, all_of_them: Iterable["Figures"]) -> "Figures":
        """The sum."""
        made = cls()
        for each in all_of_them:
            made.add(each)
        return made


def failure_share(completed: float, failed: float, retried: float) -> float | None:
    """Of the tasks that completed or failed for good, the share that failed; None without any.

    While nothing completes, attempts that failed and are retried count, too: before the first of their tasks fails for
    good, the share is 1 and not None.
    """
    if completed:
        return failed / (completed + failed)
    return 1.0 if failed or retried else None


class Window(StrEnum):
    """A time range up to now, as shown."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def span(self) -> int:
        """The span of the rows it is read from, in seconds."""
        return _SHAPES[self][0]

    @property
    def width(self) -> int:
        """Seconds between two points."""
        return _SHAPES[self][1]

    @property
    def points(self) -> int:
        """How many points there are; the last one is incomplete."""
        return _SHAPES[self][2]

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.width * self.points

    @property
    def task_span(self) -> int:
        """The span of the rows of a task name that it is read from."""
        return max(self.width, min(TASK_SPANS))

    @property
    def level_span(self) -> int:
        """The span of the levels that it shows."""
        return max(self.width, min(LEVEL_SPANS))


_SHAPES = {
    Window.QUARTER: (10, 10, 90),
    Window.HOUR: (60, 60, 60),
    Window.DAY: (900, 900, 96),
    Window.WEEK: (900, 7200, 84),
}

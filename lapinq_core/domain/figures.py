"""What happened in a queue, as sums that add up over processes and time; and the windows of time they are shown for."""

from collections.abc import Iterable
from enum import StrEnum
from operator import add

import msgspec

from lapinq_core.domain.histogram import BUCKETS

ALL_QUEUES = ""
"""Where the figures of all queues together stand: no queue has this name."""

FLUSH_SECONDS = 10
"""The shortest span. A worker hands over what it gathered once in each of them."""

SPANS = {FLUSH_SECONDS: 3 * 3600, 60: 3 * 86_400, 900: 30 * 86_400}
"""How long a row counts for, and how long it is kept; both in seconds. Each span is whole in the next."""


def _no_counts() -> list[int]:
    return [0] * BUCKETS


class Figures(msgspec.Struct):
    """Attempts of a queue that started, completed and failed for good, and how long attempts ran, and waited before
    they started for the first time, as counts by the buckets of `histogram`.

    A start is counted with the claim and taken back with the claim: so `started` may be below 0 for a while.
    """

    started: int = 0
    completed: int = 0
    failed: int = 0
    runs: list[int] = msgspec.field(default_factory=_no_counts)
    waits: list[int] = msgspec.field(default_factory=_no_counts)

    def add(self, other: "Figures") -> None:
        """Takes in what `other` has."""
        self.started += other.started
        self.completed += other.completed
        self.failed += other.failed
        self.runs = list(map(add, self.runs, other.runs))
        self.waits = list(map(add, self.waits, other.waits))

    @classmethod
    def total(cls, all_of_them: Iterable["Figures"]) -> "Figures":
        """The sum."""
        made = cls()
        for each in all_of_them:
            made.add(each)
        return made


class Window(StrEnum):
    """A stretch of time up to now, as it is shown."""

    QUARTER = "15m"
    HOUR = "1h"
    DAY = "24h"
    WEEK = "7d"

    @property
    def span(self) -> int:
        """The seconds of the rows that it is read from."""
        return _SHAPES[self][0]

    @property
    def width(self) -> int:
        """The seconds from one point to the next."""
        return _SHAPES[self][1]

    @property
    def points(self) -> int:
        """How many there are; the last one is not full yet."""
        return _SHAPES[self][2]


_SHAPES = {
    Window.QUARTER: (10, 10, 90),
    Window.HOUR: (60, 60, 60),
    Window.DAY: (900, 900, 96),
    Window.WEEK: (900, 7200, 84),
}

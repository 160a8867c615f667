"""What claims remember between two calls, for each connection, so that they need not ask the database again.

A fact that is out of date costs one more statement, never a wrong claim. They go with their connection.
"""

import math
import random
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from lapinq_core.db.pool import PinnedConnection

EVERYWHERE_SECONDS = 1.0
GOVERNED_SECONDS = 1.0
"""For this long, claims assume that a governed queue still is one, and don't try without its lock."""
LOCKED_SECONDS, MOST_TIMES_LOCKED = 0.001, 6
LOOK_SECONDS, LOOK_TIMES, MOST_LOOK_SECONDS = 0.25, 50, 5.0
"""While claims of a queue find tasks, one begins before its lane mark after so many times as long as the last such one
took, but not sooner than the first and not later than the last of these."""
MAX_GOVERNED = 10_000
MAX_WATCHED = 1_000


class LaneMark(NamedTuple):
    """Where a claim begins to read the open lanes of a queue, by rank and place, and its news."""

    rank: int = -(2**63)
    place: float = -math.inf
    news: int = 0


class ClaimFacts:
    """All times are by `time.monotonic`."""

    def __init__(self) -> None:
        self.everywhere_until = 0.0
        """Until then, claims look in all partitions of tasks."""
        self.governed_until: dict[str, float] = {}
        """Queues whose claims need their lock, and until when that is believed."""
        self.exhausted: set[str] = set()
        """Those of them from which the last claim got nothing, or that no claim under the lock has tried."""
        self.lane_marks: dict[str, tuple[LaneMark, float]] = {}
        """Where the last claim of a queue says that the next one may begin, and until when that is believed. What is
        before that has been used up, or other claims opened it."""
        self.watched_until: dict[str, float] = {}
        """Queues with a circuit breaker, and until when that is believed."""
        self.locked: dict[str, int] = {}
        """Queues that others had locked, and how many times in a row."""

    def note_elsewhere(self) -> None:
        """A claim met a task outside the partitions of these days."""
        self.everywhere_until = time.monotonic() + EVERYWHERE_SECONDS

    def note_governed(self, queue: str) -> None:
        """Claims of `queue` need its lock."""
        if len(self.governed_until) > MAX_GOVERNED:
            self.governed_until.clear()
            self.exhausted.clear()
        self.governed_until[queue] = time.monotonic() + GOVERNED_SECONDS
        self.exhausted.add(queue)

    def note_heads(self, governed: Iterable[str]) -> None:
        """A scan saw that claims of these queues need their lock."""
        now = time.monotonic()
        for queue in governed:
            if now >= self.governed_until.get(queue, 0.0):
                self.note_governed(queue)

    def come_back_in(self, queue: str) -> float:
        """In how many seconds to try again a `queue` that another has locked: longer each time, so that many workers
        don't spend their time on asking, and never at the same moment."""
        if len(self.locked) > MAX_GOVERNED:
            self.locked.clear()
        times = self.locked[queue] = min(self.locked.get(queue, 0) + 1, MOST_TIMES_LOCKED)
        return LOCKED_SECONDS * 2**times * random.uniform(0.5, 1.5)  # noqa: S311  # no secret

    def lane_mark(self, queue: str) -> LaneMark:
        """Where a claim of `queue` begins."""
        mark, until = self.lane_marks.get(queue, (LaneMark(), math.inf))
        return mark if time.monotonic() < until else LaneMark()

    def note_lane_mark(self, queue: str, used: LaneMark, found: Sequence[float] | None, began: float) -> None:
        """A claim of `queue` that began at `began` from the mark `used` has found the next one, or nothing."""
        if found is None or len(self.lane_marks) > MAX_GOVERNED:
            self.lane_marks.pop(queue, None)
            return
        now = time.monotonic()
        until = now + min(max(LOOK_SECONDS, LOOK_TIMES * (now - began)), MOST_LOOK_SECONDS)
        if used != LaneMark():
            until = self.lane_marks.get(queue, (used, until))[1]
        self.lane_marks[queue] = LaneMark(int(found[0]), found[1], int(found[2])), until

    def note_watched(self, queue: str) -> None:
        """`queue` has a circuit breaker."""
        if len(self.watched_until) > MAX_WATCHED:
            self.watched_until.clear()
        self.watched_until[queue] = time.monotonic() + GOVERNED_SECONDS


_facts: WeakKeyDictionary[PinnedConnection, ClaimFacts] = WeakKeyDictionary()


def facts_of(conn: PinnedConnection) -> ClaimFacts:
    """What claims on this connection remember."""
    facts = _facts.get(conn)
    if facts is None:
        facts = _facts[conn] = ClaimFacts()
    return facts

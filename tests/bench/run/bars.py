"""What lapinq sets itself to reach, as ratios within one run, and whether a run reached it."""

from collections.abc import Sequence

import msgspec

from tests.bench.run.figures import OURS, Figure, at_best, between
from tests.bench.run.steady_table import SLOWEST, TITLE, UNDISTURBED


class Bar(msgspec.Struct, frozen=True):
    """lapinq's figure `ours` divided by the one of `contender`, or minus it, must be at least `bound`, or at most.

    Where `contender` has one on PostgreSQL's defaults too, the better one counts.
    """

    ours: str
    theirs: str
    contender: str
    bound: float
    is_at_most: bool = False
    is_difference: bool = False

    @property
    def text(self) -> str:
        """What is compared with what."""
        parts = [*([self.theirs] if self.ours != self.theirs else []), self.contender]
        other = self.theirs if self.contender == OURS else ", ".join(parts)
        return f"{self.ours} {'−' if self.is_difference else '/'} {other}"

    def measured(self, figures: Sequence[Figure]) -> Figure | None:
        """The ratio or difference in a run; None if the run doesn't have what it takes."""
        found = at_best(figures)
        ours, theirs = found.get((self.ours, OURS)), found.get((self.theirs, self.contender))
        return between(ours, theirs, is_difference=self.is_difference) if ours and theirs else None

    def is_reached(self, ratio: Figure) -> bool:
        """In the median of the runs."""
        return ratio.median <= self.bound if self.is_at_most else ratio.median >= self.bound


def _steady(burden: str) -> Bar:
    """Each fifth of the burdened run counts, so the slowest one does."""
    run = f"{TITLE}, {burden}"
    return Bar(f"{run}, {SLOWEST}", f"{run}, {UNDISTURBED}", OURS, 0.9)


_FAST, _FASTEST = "graphile-worker 500", "graphile-worker 2000"
_ONE, _TWO = "drain, one process", "drain, two processes"
_QUEUE = "drain of one queue"
_BULK = "bulk enqueue, 1,000 a call"
_KEYED = "drain of 10,000 keys, at most 3 of each running"
_SINGLE = "single enqueue, 8 in flight"
_HTTP = "single enqueue over HTTP, 64 connections"
_P50, _P99 = "start latency, p50", "start latency, p99"
_WAL, _WAL_OF_RUN = "WAL per task, enqueued and run", "WAL per task, run"

BARS = (
    Bar(_ONE, _ONE, _FAST, 1.3),
    Bar(_ONE, _ONE, _FASTEST, 1.1),
    Bar(_TWO, _TWO, _FAST, 1.3),
    Bar(_TWO, _TWO, _FASTEST, 1.1),
    Bar("drain under a held snapshot, last fifth", _ONE, OURS, 0.9),
    Bar(f"{_QUEUE}, 1,000,000 tasks in another", f"{_QUEUE}, nothing in another", OURS, 0.9),
    _steady("a held snapshot"),
    _steady("a snapshot held on a standby"),
    _steady("10,000,000 more waiting"),
    _steady("10,000,000 finished"),
    Bar(_P50, _P50, _FAST, 0.8, is_at_most=True),
    Bar(_P99, _P99, _FAST, 1.0, is_at_most=True),
    Bar("start latency, over HTTP, p50", _P50, OURS, 1.5, is_at_most=True, is_difference=True),
    Bar(_BULK, _BULK, _FAST, 1.3),
    Bar(_SINGLE, _SINGLE, _FAST, 1.0),
    Bar("enqueue over HTTP, 1,000 a request, 4 connections", _BULK, _FAST, 0.8),
    Bar(_HTTP, _HTTP, "lapinq 1.3.0", 12.0),
    Bar("drain of failures", _ONE, OURS, 0.5),
    Bar("drain of failures and their retries", _ONE, OURS, 0.5),
    Bar("drain, plain functions in child processes", _TWO, "dramatiq", 4.0),
    Bar(_WAL, _WAL, _FAST, 1.1, is_at_most=True),
    Bar(_WAL_OF_RUN, _WAL_OF_RUN, _FAST, 1.15, is_at_most=True),
    Bar("drain of a queue with max_running", "drain of a queue without a policy", OURS, 0.7),
    Bar("drain of 10,000 keys behind a million tasks of blocked ones", _KEYED, OURS, 1.0),
    Bar("bulk enqueue with a key, 1,000 a call", "bulk enqueue without a key, 1,000 a call", OURS, 0.9),
)

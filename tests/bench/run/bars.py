"""What lapinq sets itself to reach, as ratios within one run, and whether a run reached it."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from tests.bench.run.figures import Figure
from tests.bench.run.ratios import OURS, Ratio, between
from tests.bench.run.steady_table import SLOWEST, TITLE, UNDISTURBED

SUCCESSES = ("drain, one process", OURS)
ORIGINAL = "lapinq 1.3.0"

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "/": lambda ours, theirs: ours / theirs,
    "−": lambda ours, theirs: ours - theirs,
}

_Side = tuple[str, str]
"""The name of a metric, and a contender."""


class Bar(msgspec.Struct, frozen=True):
    """`ours` divided by `theirs`, or minus it, must be at least, or at most, `bound`."""

    ours: _Side
    theirs: _Side
    direction: Literal["at least", "at most"]
    bound: float
    sign: Literal["/", "−"] = "/"

    @property
    def text(self) -> str:
        """What is compared with what."""
        metric, contender = self.theirs
        other = f"{metric}, {contender}" if metric != self.ours[0] else contender
        if contender == OURS:
            other = metric
        return f"{self.ours[0]} {self.sign} {other}"


class Verdict(msgspec.Struct, frozen=True):
    """What a run says of a bar. Without a ratio the run doesn't have what it takes."""

    bar: Bar
    ratio: Ratio | None

    @property
    def is_reached(self) -> bool:
        """In the median of the runs."""
        if self.ratio is None:
            return False
        if self.bar.direction == "at least":
            return self.ratio.median >= self.bar.bound
        return self.ratio.median <= self.bar.bound


def _steady(burden: str) -> Bar:
    """Each fifth of the burdened run counts, so the slowest one does."""
    run = f"{TITLE}, {burden}"
    return Bar((f"{run}, {SLOWEST}", OURS), (f"{run}, {UNDISTURBED}", OURS), "at least", 0.9)


def _beside(metric: str, contender: str, direction: Literal["at least", "at most"], bound: float) -> Bar:
    return Bar((metric, OURS), (metric, contender), direction, bound)


_FAST = "graphile-worker 500"
_FASTEST = "graphile-worker 2000"
_CHILDREN = "drain, plain functions in child processes"
_BULK = "bulk enqueue, 1,000 a call"
_KEYED = "drain of 10,000 keys, at most 3 of each running"
_HTTP = "single enqueue over HTTP, 64 connections"

BARS = (
    _beside("drain, one process", _FAST, "at least", 1.3),
    _beside("drain, one process", _FASTEST, "at least", 1.0),
    _beside("drain, two processes", _FAST, "at least", 1.3),
    _beside("drain, two processes", _FASTEST, "at least", 1.0),
    Bar(("drain under a held snapshot, last fifth", OURS), SUCCESSES, "at least", 0.9),
    Bar(
        ("drain of one queue, 1,000,000 tasks in another", OURS),
        ("drain of one queue, nothing in another", OURS),
        "at least",
        0.9,
    ),
    _steady("a held snapshot"),
    _steady("a snapshot held on a standby"),
    _steady("10,000,000 more waiting"),
    _steady("10,000,000 finished"),
    _beside("start latency, p50", _FAST, "at most", 0.8),
    _beside("start latency, p99", _FAST, "at most", 1.0),
    Bar(("start latency, over HTTP, p50", OURS), ("start latency, p50", OURS), "at most", 1.5, "−"),
    _beside(_BULK, _FAST, "at least", 1.5),
    Bar(("enqueue over HTTP, 1,000 a request, 4 connections", OURS), (_BULK, _FAST), "at least", 0.8),
    _beside(_HTTP, ORIGINAL, "at least", 12.0),
    Bar(("drain of failures", OURS), SUCCESSES, "at least", 0.5),
    Bar(("drain of failures and their retries", OURS), SUCCESSES, "at least", 0.5),
    Bar((_CHILDREN, OURS), ("drain, two processes", "dramatiq"), "at least", 4.0),
    _beside("WAL per task, enqueued and run", _FAST, "at most", 1.1),
    Bar(
        ("drain of a queue with max_running", OURS),
        ("drain of a queue without a policy", OURS),
        "at least",
        0.7,
    ),
    Bar(
        ("drain of 10,000 keys behind a million tasks of blocked ones", OURS), (_KEYED, OURS), "at least", 1.0
    ),
    Bar(
        ("bulk enqueue with a key, 1,000 a call", OURS),
        ("bulk enqueue without a key, 1,000 a call", OURS),
        "at least",
        0.9,
    ),
)


def verdicts(figures: Sequence[Figure]) -> list[Verdict]:
    """One for each bar."""
    found = {(figure.metric.name, figure.contender): figure for figure in figures}
    return [_verdict(bar, found.get(bar.ours), found.get(bar.theirs)) for bar in BARS]


def _verdict(bar: Bar, ours: Figure | None, theirs: Figure | None) -> Verdict:
    return Verdict(bar, between(ours, theirs, _OPERATORS[bar.sign]) if ours and theirs else None)

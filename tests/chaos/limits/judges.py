"""What must hold of the runs that a log shows. Each judge raises AssertionError with what does not."""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, combinations, groupby, pairwise
from typing import NamedTuple, TypeVar

from lapinq_core.domain.limits.rate import Rate
from tests.chaos.limits.journal import Run
from tests.chaos.limits.rules import Reign, Supply, rule_of

R = TypeVar("R")

COMMIT_SECONDS = 0.5
"""From what a task writes last to the commit of its end, on a machine under load."""
ROUNDING = 1e-3
"""Of sums of tokens, which are binary fractions of microseconds."""


def check_running(
    runs: Iterable[Run], reigns: Sequence[Reign[R]], most_of: Callable[[R], int | None], what: str
) -> int:
    """At no instant more than allowed; returns the most that ran.

    Of what runs at an instant, count what was claimed up to any of those claims: all of it was running at that claim,
    so it is at most what the rule of that claim allowed. What was killed as it started ran at no instant.
    """
    those = [run for run in runs if run.end > run.start]
    events = sorted([(run.start, 1, run.seq) for run in those] + [(run.end, -1, run.seq) for run in those])
    running: list[int] = []
    most = 0
    for at, change, seq in events:
        if change < 0:
            running.remove(seq)
            continue
        insort(running, seq)
        for count, claimed in enumerate(running, 1):
            allowed = most_of(rule_of(reigns, claimed))
            assert allowed is None or count <= allowed, (
                f"{what}: {count} ran at {at}, claimed up to {claimed}, and {allowed} may: {running}"
            )
        most = max(most, len(running))
    return most


class Taken(NamedTuple):
    """Tokens that a claim takes."""

    at: float
    units: float


def check_rate(
    taken: Sequence[Taken],
    supply: Supply,
    what: str,
    *,
    lag: float = 0.0,
    corrections: Sequence[Taken] = (),
) -> None:
    """Over every window of any length at most a full bucket and what came in meanwhile.

    `taken` ascends. With `lag`, what began in a window was claimed up to so long before it. `corrections` are what
    tasks took beyond that at their end, or gave back if negative: what is given back may count from the end on, or up
    to `COMMIT_SECONDS` later.
    """
    gives = _Sums([Taken(one.at, -one.units) for one in corrections if one.units < 0])
    takes = _Sums([one for one in corrections if one.units > 0])
    total, least = 0.0, float("inf")
    for at, units in taken:
        since = at - lag
        least = min(
            least,
            total
            - gives.until(since - COMMIT_SECONDS)
            + takes.until(at)
            + max(supply.burst(since), supply.burst(at))
            - supply.came_until(since),
        )
        total += units
        used = total - gives.until(at) + takes.until(at - COMMIT_SECONDS) - supply.came_until(at)
        assert used <= least + ROUNDING, f"{what}: {used - least} too many until {at}"


class _Sums:
    """How much there was until a time."""

    def __init__(self, what: Sequence[Taken]) -> None:
        ordered = sorted(what)
        self._times = [one.at for one in ordered]
        self._sums = [0.0, *accumulate(one.units for one in ordered)]

    def until(self, at: float) -> float:
        return self._sums[bisect_right(self._times, at)]


def largest_window(times: Sequence[float], seconds: float) -> int:
    """The most of these ascending times within a window of that length."""
    return max(
        (bisect_right(times, at + seconds) - first for first, at in enumerate(times)),
        default=0,
    )


def check_order(runs: Sequence[Run], what: str) -> None:
    """Of one key, by their start: each task starts after the last attempt of the one before it."""
    for before, after in pairwise(runs):
        assert before.number <= after.number, f"{what}: {after.task} started before {before.task}"
        assert before.end <= after.start, f"{what}: {after.task} started while {before.task} ran"
    last = {run.number: run.how for run in runs}
    assert "closed" not in last.values(), f"{what}: {last} went on behind a task that waits for a limit"


def check_shares(
    claims: Sequence[tuple[float, str, float]],
    weights: Mapping[str, float],
    before: Mapping[str, float],
    cost: float,
    what: str,
) -> float:
    """While all keys of `weights` have tasks that wait, in any row of claims the units that two of them started, over
    their weights, differ at most by what the most costly task of each weighs: start-time fair queueing promises that.
    Returns the largest difference, in that.

    `claims` has each claim's time, ascending, the key and the cost, at most `cost`. What has the same time
    is of one claim. With the weights `before`, one key may have got ahead by what its task weighed then.
    """
    largest = 0.0
    for key, other in combinations(weights, 2):
        most = sum(cost / min(weights[one], before[one]) for one in (key, other))
        ahead = lowest = highest = 0.0
        for _, together in groupby(claims, lambda claim: claim[0]):
            for _, whose, units in together:
                ahead += {key: 1, other: -1}.get(whose, 0) * units / weights[whose]
            lowest, highest = min(lowest, ahead), max(highest, ahead)
        assert highest - lowest <= most + ROUNDING, (
            f"{what}: {key} and {other} differ by {highest - lowest}, at most {most} may: {claims}"
        )
        largest = max(largest, (highest - lowest) / most)
    return largest


def check_starts(runs: Iterable[Run], most_of: Mapping[str, int]) -> None:
    """None more often than allowed. An attempt that closed a limit uses up no start."""
    counted = dict.fromkeys(most_of, 0)
    for run in runs:
        counted[run.task] += run.how != "closed"
    too_often = {task: count for task, count in counted.items() if count > most_of[task]}
    assert not too_often, f"started too often: {too_often}"


def constant(rate: Rate) -> Supply:
    """Of a rate that always holds."""
    return Supply([Reign(rate, 0, 0.0, 0.0)], lambda rate: rate)

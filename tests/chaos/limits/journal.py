"""Judges limits by what tasks themselves wrote of their starts and ends, and not by what lapinq says of them."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from lapinq_core.domain.limits.policy import Policy
from lapinq_core.domain.limits.rate import Rate

GRACE_SECONDS = 2.5
"""So long a task may run on, or wait in its worker, after the limit under which it was claimed was lowered."""
LAG_SECONDS = 0.25
"""From the claim of a task that starts immediately to its start, on a machine under load."""


class Span(NamedTuple):
    """A policy, from the moment that it was sent until the next one was there."""

    policy: Policy
    since: float
    until: float


class Run(NamedTuple):
    """What a task wrote of one attempt. If its process was killed, it ends with that process's last line."""

    name: str
    start: float
    end: float


def runs_of(journal: Path) -> list[Run]:
    """All attempts, by their start."""
    started = dict[tuple[str, str], float]()
    last_of = dict[str, float]()
    runs: list[Run] = []
    for line in journal.read_text().splitlines():
        at, what, name, process = line.split()
        last_of[process] = float(at)
        if what == "start":
            started[name, process] = float(at)
        else:
            runs.append(Run(name, started.pop((name, process)), float(at)))
    runs += [Run(name, start, last_of[process]) for (name, process), start in started.items()]
    return sorted(runs, key=lambda run: run.start)


def check_running(
    runs: Iterable[Run], spans: Sequence[Span], allowed: Callable[[Policy], int | None], what: str
) -> int:
    """AssertionError if at a start more ran than any policy since shortly before allows. The most that ran."""
    events = sorted([(run.start, 1) for run in runs] + [(run.end, -1) for run in runs])
    running = most = 0
    for at, change in events:
        running += change
        if change > 0:
            limits = [
                allowed(span.policy)
                for span in spans
                if span.since <= at and span.until >= at - GRACE_SECONDS
            ]
            if None not in limits:
                most_allowed = max(filter(None, limits))
                assert running <= most_allowed, f"{what}: {running} ran at {at}, and {most_allowed} may"
        most = max(most, running)
    return most


def check_rate(
    times: Sequence[float],
    spans: Sequence[Span],
    rate_of: Callable[[Policy], Rate | None],
    what: str,
    lag: float,
) -> None:
    """AssertionError if in a window of a period more began than a period and the burst allow. `times` ascend."""
    for first, at in enumerate(times):
        rates = [rate_of(span.policy) for span in spans if span.since <= at + 10 and span.until >= at]
        given = [rate for rate in rates if rate is not None]
        if len(given) < len(rates):
            continue
        # In a shorter window as many as in the period, whichever rate of those around it allows most.
        period = min(rate.period_seconds for rate in given)
        most = max(rate.limit * period / rate.period_seconds + rate.burst for rate in given)
        began = bisect_right(times, at + period - lag) - first
        assert began <= most, f"{what}: {began} began within {period} s, and {most} may"


def by_key(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Of tasks named NUMBER.KEY."""
    found = defaultdict[str, list[Run]](list)
    for run in runs:
        found[run.name.partition(".")[2]].append(run)
    return found

"""Whether a queue empties or grows, from how many tasks were ready in the last minutes, and with more workers."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

GROWING_ABOVE = 50
"""A queue with fewer ready tasks is not called growing."""
GROWING_SHARE = 0.05
"""It has grown by more than this share between the first and the last look."""
SHORTEST_SECONDS = 45.0
"""Samples that are closer together are not compared."""
FURTHEST_SECONDS = 7 * 86_400.0
"""A queue that needs longer to empty gets no forecast."""

BUSY_SHARE = 0.8
"""Workers that use at least this share of their slots hold a queue back."""
USED_SHARE = 0.9
"""A rate of which at least this share is used holds the queue back: more workers don't help."""
LEAST_GAIN = 0.95
"""More workers are mentioned only if the time falls below this share."""


class Look(NamedTuple):
    """How many tasks were ready, `age` seconds ago."""

    age: float
    ready: int


class Forecast(NamedTuple):
    """`empties_in` is in seconds, None without a forecast."""

    empties_in: float | None = None
    is_growing: bool = False


def forecast(ready: int, looks: Sequence[Look]) -> Forecast:
    """What becomes of a queue with `ready` tasks, after earlier `looks`, the newest first.

    It is growing if it grew from look to look, twice. It empties at the rate at which it has been falling without a
    break.
    """
    apart = [look for look in looks if look.age >= SHORTEST_SECONDS]
    if not apart or not ready:
        return Forecast()
    if len(apart) > 1 and ready > apart[0].ready > apart[1].ready:
        grown = ready - apart[1].ready
        return Forecast(is_growing=ready > GROWING_ABOVE and grown > GROWING_SHARE * ready)
    fallen, last = None, ready
    for look in apart:
        if look.ready <= last:
            break
        fallen, last = look, look.ready
    if fallen is None:
        return Forecast()
    seconds = ready * fallen.age / (fallen.ready - ready)
    return Forecast(empties_in=seconds if seconds <= FURTHEST_SECONDS else None)


class Cap(StrEnum):
    """What of a queue's policy holds it back, so that more workers change nothing."""

    MAX_RUNNING = "max_running"
    RATE = "rate"


class Fleet(NamedTuple):
    """The workers of a queue: how many, their slots, how many of its tasks they run, and how many tasks it starts and
    gets per second."""

    workers: int
    slots: int
    running: int
    started: float
    enqueued: float


class Outlook(NamedTuple):
    """`empties_in` with more workers, in seconds; None if they make no difference, or nobody can tell. `cap` is what
    holds them back."""

    empties_in: float | None = None
    cap: Cap | None = None


def with_more_workers(
    more: int,
    ready: int,
    today: Forecast,
    fleet: Fleet,
    *,
    max_running: int | None = None,
    rate: float | None = None,
) -> Outlook:
    """What becomes of a queue with `more` workers like those it has. `rate` is its policy's, in starts per second.

    Busy workers get through more in proportion to their slots, as far as the policy lets them.
    """
    if not ready or (today.empties_in is None and not today.is_growing):
        return Outlook()
    if max_running is not None and fleet.running >= max_running:
        return Outlook(cap=Cap.MAX_RUNNING)
    if rate is not None and fleet.started >= USED_SHARE * rate:
        return Outlook(cap=Cap.RATE)
    if not fleet.workers or fleet.running < BUSY_SHARE * fleet.slots:
        return Outlook()
    slots = fleet.slots * (1 + more / fleet.workers)
    started = fleet.started * min(slots, max_running or slots) / fleet.slots
    gain = min(started, rate or started) - fleet.started
    falls = fleet.started - fleet.enqueued if today.empties_in is None else ready / today.empties_in
    if gain <= 0 or falls + gain <= 0:
        return Outlook()
    seconds = ready / (falls + gain)
    is_worth_it = today.empties_in is None or seconds <= LEAST_GAIN * today.empties_in
    return Outlook(empties_in=seconds if is_worth_it and seconds <= FURTHEST_SECONDS else None)

"""Whether a queue empties or grows, from how many tasks were ready in the last minutes."""

from collections.abc import Sequence
from typing import NamedTuple

GROWING_ABOVE = 50
"""A queue with fewer ready tasks is not called growing."""
GROWING_SHARE = 0.05
"""It has grown by more than this share between the first and the last look."""
SHORTEST_SECONDS = 45.0
"""Looks that are closer together say nothing."""
FURTHEST_SECONDS = 7 * 86_400.0
"""A queue that needs longer to empty gets no forecast."""


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

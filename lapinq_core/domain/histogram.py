"""Durations as counts per bucket, which add up over processes, spans and queues, and their percentiles.

The database stores counts by bucket index, so `BOUNDS` defines what stored rows mean: append to it, never change it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import ceil

_DECADE = 8
_DECADES = 9

BOUNDS = tuple(1e-4 * 10 ** (n / _DECADE) for n in range(_DECADES * _DECADE + 1))
"""Upper bounds of the buckets in seconds, from 0.1 ms to 100,000 s (over a day), each a third more than the one
before. A value at a bound belongs to the bucket that ends there; one more bucket holds everything longer."""

BUCKETS = len(BOUNDS) + 1


def count_into(counts: list[int], ordered: Sequence[float], also: list[int] | None = None) -> None:
    """Adds `ordered`, in ascending order, to `counts`, one per bucket, and `also` to others.

    Costs two searches per bucket that is hit, however many values fall into it.
    """
    at, end = 0, len(ordered)
    while at < end:
        place = bisect_left(BOUNDS, ordered[at])
        # Of a batch most values are of one size, and often the rest of it all is.
        after = bisect_right(ordered, BOUNDS[place], at) if place < len(BOUNDS) else end
        counts[place] += after - at
        if also is not None:
            also[place] += after - at
        at = after


def percentiles(counts: Sequence[int], shares: Sequence[float] = (0.5, 0.95, 0.99)) -> list[float | None]:
    """For each of `shares` the smallest value, in seconds, that this share of all values does not exceed; None if
    empty.

    `counts` may be shorter than `BOUNDS`. Values are assumed to be spread evenly within their bucket on a logarithmic
    scale, a single value in the middle, so the answer is in the same bucket as the true value: within 15 % for one
    value or many spread ones, a third off at worst. Values beyond the last bound count as the last bound.
    """
    up_to = list(accumulate(counts))
    total = up_to[-1] if up_to else 0
    if total <= 0:
        return [None] * len(shares)
    found: list[float | None] = []
    for share in shares:
        rank = min(max(1, ceil(share * total)), total)
        place = bisect_left(up_to, rank)
        within = counts[place]
        found.append(_inside(place, (rank - (up_to[place] - within) - 0.5) / within))
    return found


def total_seconds(counts: Sequence[int]) -> float:
    """About how many seconds all values make together: each counts as the middle of its bucket, within 15 %."""
    return sum(count * _inside(place, 0.5) for place, count in enumerate(counts) if count)


def _inside(place: int, part: float) -> float:
    if place >= len(BOUNDS):
        return BOUNDS[-1]
    upper = BOUNDS[place]
    if place == 0:
        return upper * part
    lower = BOUNDS[place - 1]
    return lower * (upper / lower) ** part

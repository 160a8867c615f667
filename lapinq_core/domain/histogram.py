"""Times as counts by buckets, which add up over processes, spans and queues; and percentiles of them.

Counts are kept in the database by the place of their bucket, so `BOUNDS` says what stored rows mean: it may grow at its
end, and never change.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import ceil

_DECADE = 8
_DECADES = 9

BOUNDS = tuple(1e-4 * 10 ** (n / _DECADE) for n in range(_DECADES * _DECADE + 1))
"""The upper ends of the buckets in seconds, from 0.1 ms to 100,000 s, which is over a day; each is a third more than
the one before. A value at a bound is in the bucket that ends there; one more bucket takes what is longer than all."""

BUCKETS = len(BOUNDS) + 1


def count_into(counts: list[int], ordered: Sequence[float]) -> None:
    """Adds `ordered`, which ascends, to `counts`, one for each bucket.

    It costs two searches for each bucket that is met, however many values fall into it.
    """
    at, end = 0, len(ordered)
    while at < end:
        place = bisect_left(BOUNDS, ordered[at])
        # Of a batch most values are of one size, and often the rest of it all is.
        after = bisect_right(ordered, BOUNDS[place], at) if place < len(BOUNDS) else end
        counts[place] += after - at
        at = after


def percentiles(counts: Sequence[int], shares: Sequence[float] = (0.5, 0.95, 0.99)) -> list[float | None]:
    """For each of `shares` the smallest value, in seconds, that so many of all are no longer than; None of nothing.

    `counts` may end early. The values of a bucket are taken to lie in it evenly on a scale of logarithms, a single one
    in the middle: what comes out is in the same bucket as the true value. Of one value, or many spread ones, it is
    within 15 %; a third off at the worst, where many are alike. What is longer than all bounds counts as the last.
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


def _inside(place: int, part: float) -> float:
    if place >= len(BOUNDS):
        return BOUNDS[-1]
    upper = BOUNDS[place]
    if place == 0:
        return upper * part
    lower = BOUNDS[place - 1]
    return lower * (upper / lower) ** part

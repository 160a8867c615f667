"""How much room the ends of attempts take that wait to be written, and how many of them go into one statement."""

from collections.abc import Iterable
from itertools import accumulate

from lapinq_core.queue.work import Ended

Done = tuple[str, str, str, float, str | None]
"""Of an attempt that completed: id, token, result, seconds, logs."""


def size_of_done(one: Done) -> int:
    return len(one[2]) + (len(one[4]) if one[4] else 0)


def size_of_end(end: Ended) -> int:
    return sum(len(text) for text in (end.error, end.traceback, end.logs) if text)


def fitting(sizes: Iterable[int], most: int) -> int:
    """How many go into one statement of `most` characters: one at least."""
    return max(1, sum(size <= most for size in accumulate(sizes)))

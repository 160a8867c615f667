"""The ends of attempts that wait to be written, and how many of them go into one statement."""

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Generic, TypeVar

from lapinq_core.tasks.work import Ended

MAX_BATCH = 1_000
MAX_BATCH_CHARACTERS = 16 * 1024 * 1024

Done = tuple[str, str, str, float, str | None]
"""Of an attempt that completed: id, token, result, seconds, logs."""
T = TypeVar("T")


class Unwritten(Generic[T]):
    """Ends of one kind, oldest first.

    A batch that fails is halved, so that an overloaded database still gets done with it; each that succeeds lets the
    next one be a quarter larger. What fails alone goes last, so that it blocks nothing else.
    """

    def __init__(self, size_of: Callable[[T], int]) -> None:
        """`size_of` answers how many characters an end takes up."""
        self._size_of = size_of
        self._ends: list[T] = []
        self._most = MAX_BATCH
        self.characters = 0

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, end: T) -> None:
        self._ends.append(end)
        self.characters += self._size_of(end)

    def all(self) -> list[T]:
        """Any thread may ask."""
        return self._ends[:]

    def batch(self) -> list[T]:
        """The first ones, as many as go into one statement. To be followed by `succeeded` or `failed`."""
        batch = self._ends[: self._most]
        if self.characters <= MAX_BATCH_CHARACTERS:
            return batch
        return batch[: _fitting(map(self._size_of, batch), MAX_BATCH_CHARACTERS)]

    def succeeded(self, batch: list[T]) -> None:
        del self._ends[: len(batch)]
        self.characters -= sum(map(self._size_of, batch))
        self._most = min(self._most + self._most // 4 + 1, MAX_BATCH)

    def failed(self, batch: list[T]) -> None:
        self._most = max(1, len(batch) // 2)
        if len(batch) == 1:
            self._ends.append(self._ends.pop(0))


def size_of_done(one: Done) -> int:
    return len(one[2]) + (len(one[4]) if one[4] else 0)


def size_of_end(end: Ended) -> int:
    return sum(len(text) for text in (end.error, end.traceback, end.logs) if text)


def _fitting(sizes: Iterable[int], most: int) -> int:
    """How many go into one statement of `most` characters: one at least."""
    return max(1, sum(size <= most for size in accumulate(sizes)))

"""Outcomes that wait to be written, and how many of them go into one statement."""

from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Generic, TypeVar

from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks.worker_verbs import Ended

MAX_BATCH = 1_000
MAX_BATCH_CHARACTERS = 16 * 1024 * 1024

Done = tuple[str, str, str, float, str | None]
"""A completed attempt: id, token, result, seconds, logs."""
T = TypeVar("T")


class OutcomeBuffer(Generic[T]):
    """Outcomes of one kind, oldest first.

    A batch that fails is halved, so that an overloaded database still makes progress; each success lets the next one
    grow by a quarter. An outcome that fails alone goes last, so that it blocks nothing else.
    """

    def __init__(self, size_of: Callable[[T], int]) -> None:
        """`size_of` returns the characters in an outcome."""
        self._size_of = size_of
        self._outcomes: list[T] = []
        self._most = MAX_BATCH
        self.characters = 0

    def __len__(self) -> int:
        return len(self._outcomes)

    def add(self, outcome: T) -> None:
        self._outcomes.append(outcome)
        self.characters += self._size_of(outcome)

    @any_thread
    def all(self) -> list[T]:
        """The outcomes that are not written yet."""
        return self._outcomes[:]

    def batch(self) -> list[T]:
        """The oldest, as many as fit into one statement. Call `succeeded` or `failed` afterwards."""
        batch = self._outcomes[: self._most]
        if self.characters <= MAX_BATCH_CHARACTERS:
            return batch
        return batch[: _fitting(map(self._size_of, batch), MAX_BATCH_CHARACTERS)]

    def succeeded(self, batch: list[T]) -> None:
        del self._outcomes[: len(batch)]
        self.characters -= sum(map(self._size_of, batch))
        self._most = min(self._most + self._most // 4 + 1, MAX_BATCH)

    def failed(self, batch: list[T]) -> None:
        self._most = max(1, len(batch) // 2)
        if len(batch) == 1:
            self._outcomes.append(self._outcomes.pop(0))


def size_of_done(one: Done) -> int:
    return len(one[2]) + (len(one[4]) if one[4] else 0)


def size_of_end(end: Ended) -> int:
    return len(end.error or "") + len(end.traceback or "") + len(end.logs or "")


def _fitting(sizes: Iterable[int], most: int) -> int:
    """How many fit into one statement of `most` characters: at least one."""
    return max(1, sum(size <= most for size in accumulate(sizes)))

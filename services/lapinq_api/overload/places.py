"""Bounds how many requests do something costly at a time."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from lapinq_api.wire.errors import Busy, Overloaded


class Places:
    """As many as `most`. Of one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    @contextmanager
    def take(self) -> Generator[None]:
        """A context that has one of them. Raises `Overloaded` when all are taken."""
        if self.taken >= self._most:
            raise Overloaded
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class PlacesBySource:
    """As many as `most`, and as `most_each` of them for one source. Of one event loop."""

    def __init__(self, most: int, most_each: int) -> None:
        self._all = Places(most)
        self._most_each = most_each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, source: str) -> Generator[None]:
        """A context that has one of them. Raises `Overloaded` when all are taken, or all that `source` may have."""
        if self._taken[source] >= self._most_each:
            raise Overloaded
        with self._all.take():
            self._taken[source] += 1
            try:
                yield
            finally:
                self._taken[source] -= 1
                if not self._taken[source]:
                    del self._taken[source]


class Turns:
    """`most` at a time; up to `most_waiting` others wait for theirs, `seconds` at most. Of one event loop.

    `sentence` tells those who get none.
    """

    def __init__(self, most: int, most_waiting: int, seconds: float, sentence: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._most_waiting = most_waiting
        self._seconds = seconds
        self._sentence = sentence
        self.waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[None]:
        """A context that has one. Raises `Busy` when too many wait already, and when its time is up."""
        if self._free.locked() and self.waiting >= self._most_waiting:
            raise Busy(self._sentence)
        self.waiting += 1
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError:
            raise Busy(self._sentence) from None
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._free.release()

"""Limits how many requests do something expensive at the same time."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from lapinq_api.wire.errors import Busy, Overloaded


class Places:
    """At most `limit` at the same time. Used by one event loop."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    @contextmanager
    def take(self) -> Generator[None]:
        """A context that counts as one. Raises `Overloaded` at the limit."""
        if self.taken >= self._most:
            raise Overloaded
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class PlacesBySource:
    """At most `limit` at the same time, `limit_each` of them from one source. Used by one event loop."""

    def __init__(self, most: int, most_each: int) -> None:
        self._all = Places(most)
        self._most_each = most_each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, source: str) -> Generator[None]:
        """A context that counts as one from `source`. Raises `Overloaded` at either limit."""
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
    """At most `limit` at the same time. Up to `max_waiting` more wait, for at most `seconds`. Used by one event loop.

    `sentence` is the error message for those rejected.
    """

    def __init__(self, most: int, most_waiting: int, seconds: float, sentence: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._most_waiting = most_waiting
        self._seconds = seconds
        self._sentence = sentence
        self.waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[None]:
        """A context that counts as one. Raises `Busy` when too many wait already, or after `seconds`."""
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

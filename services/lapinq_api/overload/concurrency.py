"""Limits how many requests do something expensive at the same time."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from lapinq_api.wire.errors import Busy
from lapinq_core.batching.database import Overloaded


class ConcurrencyLimit:
    """At most `limit` at the same time. Used by one event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.taken = 0

    @contextmanager
    def take(self) -> Generator[None]:
        """A context that counts as one. Raises `Overloaded` at the limit."""
        if self.taken >= self._limit:
            raise Overloaded
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class SourceLimit:
    """At most `limit` at the same time, `limit_each` of them from one source. Used by one event loop."""

    def __init__(self, limit: int, limit_each: int) -> None:
        self._all = ConcurrencyLimit(limit)
        self._limit_each = limit_each
        self._taken: Counter[str] = Counter()

    @contextmanager
    def take(self, source: str) -> Generator[None]:
        """A context that counts as one from `source`. Raises `Overloaded` at either limit."""
        if self._taken[source] >= self._limit_each:
            raise Overloaded
        with self._all.take():
            self._taken[source] += 1
            try:
                yield
            finally:
                self._taken[source] -= 1
                if not self._taken[source]:
                    del self._taken[source]


class WaitingLimit:
    """At most `limit` at the same time. Up to `max_waiting` more wait, for at most `seconds`. Used by one event loop.

    `sentence` is the error message for those rejected.
    """

    def __init__(self, limit: int, max_waiting: int, seconds: float, sentence: str) -> None:
        self._free = asyncio.Semaphore(limit)
        self._max_waiting = max_waiting
        self._seconds = seconds
        self._sentence = sentence
        self.waiting = 0

    @asynccontextmanager
    async def take(self) -> AsyncGenerator[None]:
        """A context that counts as one. Raises `Busy` when too many wait already, or after `seconds`."""
        if self._free.locked() and self.waiting >= self._max_waiting:
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

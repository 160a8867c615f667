"""Turns of requests with unique keys, so that they don't occupy the connections that others need.

A key may be held by a transaction that stays open, such as a caller's own. Requests with that key then wait here, one
of them trying from time to time, and not in the database.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec

from lapinq_core.batching.database import Overloaded
from lapinq_core.intake.idempotency import UniqueKeyBusy

Key = tuple[str, str]
"""A queue and a unique key in it."""

MAX_WAITING = 10_000


class KeyTurns:
    """Used by one event loop. Times are by its clock."""

    def __init__(self) -> None:
        self._turns: dict[Key, _Turn] = {}
        self._requests = 0

    @asynccontextmanager
    async def take(self, keys: Iterable[Key], until: float) -> AsyncGenerator[None]:
        """While it lasts, no other request of this process has one of `keys`.

        Raises `Overloaded`, and `UniqueKeyBusy` if others have them until then.
        """
        if self._requests >= MAX_WAITING:
            raise Overloaded
        self._requests += 1
        try:
            async with AsyncExitStack() as taken:
                try:
                    async with asyncio.timeout_at(until):
                        for key in sorted(keys):
                            await taken.enter_async_context(self._one(key))
                except TimeoutError:
                    raise UniqueKeyBusy from None
                yield
        finally:
            self._requests -= 1

    @asynccontextmanager
    async def _one(self, key: Key) -> AsyncGenerator[None]:
        turn = self._turns.get(key)
        if turn is None:
            turn = self._turns[key] = _Turn()
        turn.requests += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.requests -= 1
            if not turn.requests:
                del self._turns[key]


class _Turn(msgspec.Struct):
    """Who has it, and how many requests want it."""

    lock: asyncio.Lock = msgspec.field(default_factory=asyncio.Lock)
    requests: int = 0

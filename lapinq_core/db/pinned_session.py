"""A pinned connection that one part of a worker uses, and lends to another while it rests."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from lapinq_core.db.pool import PinnedConnection, connect_pinned


class PinnedSession:
    """Connects when it is used, and again after an error. One event loop owns it."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._turn = asyncio.Lock()
        self._connection: PinnedConnection | None = None
        self._is_closed = False

    @asynccontextmanager
    async def use(self) -> AsyncGenerator[PinnedConnection]:
        """For its owner: one at a time. After an error the next use gets a new connection."""
        async with self._turn:
            try:
                self._connection = self._connection or await connect_pinned(self._url, self._name)
                yield self._connection
            except BaseException:
                await self._drop()
                raise

    @asynccontextmanager
    async def lend(self, seconds: float) -> AsyncGenerator[PinnedConnection | None]:
        """For others: None if there is no connection, or it is not free within `seconds`. An error closes it, because
        a connection may stay read-only after a failover."""
        try:
            async with asyncio.timeout(seconds):
                await self._turn.acquire()
        except TimeoutError:
            yield None
            return
        try:
            yield self._connection
        except BaseException:
            await self._drop()
            raise
        finally:
            if self._is_closed:
                await self._drop()
            self._turn.release()

    async def close(self) -> None:
        """Ends it, for its owner. If it is lent, the borrower's end does that: uvloop aborts the process when a socket
        is closed on which a task waits."""
        self._is_closed = True
        if not self._turn.locked():
            await self._drop()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                await connection.close()

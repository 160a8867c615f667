"""Wakes workers: sends NOTIFY for queues that got work, after the commit and never inside it.

NOTIFY takes a lock that serialises commits, so it stays out of the transactions that enqueue, and one notifier a
process sends for all of them: the first at once, then at most 50 a second. It is a hint: what is lost here is found
by polling.
"""

import asyncio
import logging
from collections.abc import Iterable

import psycopg
from psycopg_pool import AsyncConnectionPool

from lapinq_core.db.errors import is_away

READY_CHANNEL = "lapinq_ready"
MIN_INTERVAL_SECONDS = 0.02
SEND_DEADLINE_SECONDS = 5.0

log = logging.getLogger(__name__)


class Notifier:
    """Gathers the names of queues and sends them on; a running event loop owns it.

    It runs as a task (`run`) until cancelled.
    """

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool
        self._queues: set[str] = set()
        self._some = asyncio.Event()

    def wake(self, queues: Iterable[str]) -> None:
        """Asks for a wake-up of the workers of `queues`; returns at once."""
        self._queues.update(queues)
        if self._queues:
            self._some.set()

    async def run(self) -> None:
        """Sends what `wake` gathers, for ever."""
        while True:
            await self._some.wait()
            self._some.clear()
            queues, self._queues = self._queues, set()
            try:
                async with asyncio.timeout(SEND_DEADLINE_SECONDS), self._pool.connection() as conn:
                    await notify(conn, queues)
            except Exception as error:
                if not is_away(error):
                    raise
                log.debug("could not wake workers, they will find the work by polling: %s", error)
            await asyncio.sleep(MIN_INTERVAL_SECONDS)


async def notify(conn: psycopg.AsyncConnection, queues: Iterable[str]) -> None:
    """Wakes the workers of `queues` over `conn`, which should not be in a transaction that enqueues much."""
    await conn.execute(
        "SELECT pg_notify(%s, q) FROM unnest(%s::text[]) q", (READY_CHANNEL, list(queues)), prepare=True
    )

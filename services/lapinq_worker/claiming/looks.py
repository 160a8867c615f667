"""Looks from the bottom of the queues for what claims from their marks pass over.

A look that has to walk dead entries (a snapshot is held somewhere) or wait for a slow disk may take any time, and
nothing is claimed meanwhile. So it has a deadline of its own, and the longer it took the later the next one comes. A
look that failed says nothing about the queues: claims go on from the marks, and so does polling.
"""

import asyncio
import logging
import time
from collections.abc import Mapping

import psycopg
from psycopg.pq import TransactionStatus

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.tasks import backlog, work
from lapinq_worker.claiming.queue_choice import QueueChoice

LOOK_DEADLINE_SECONDS = 5.0
LOOK_COST_FACTOR = 20.0

log = logging.getLogger(__name__)


class Looks:
    """`due_at`: when the next look may begin, by `time.monotonic`. `has_failed`: whether the last one did."""

    def __init__(self, choice: QueueChoice) -> None:
        self._choice = choice
        self.due_at = 0.0
        self.has_failed = False

    async def look(self, connection: PinnedConnection) -> Mapping[str, int] | None:
        """Tells the choice which queues have work, and returns them.

        None if the look fails, or if it is too soon after one that failed. Raises if `connection` has become useless.
        """
        started = time.monotonic()
        if self.has_failed and started < self.due_at:
            return None
        self.has_failed = True
        try:
            async with asyncio.timeout(LOOK_DEADLINE_SECONDS):
                heads = await self._heads(connection)
                paused = await backlog.paused(connection) if self._choice.wonders else ()
        except (TimeoutError, psycopg.OperationalError) as error:
            # The driver cancels a statement that is cut short, and closes the connection if that takes long.
            if not _is_usable(connection):
                raise
            reason = str(error).partition("\n")[0] or f"it took longer than {LOOK_DEADLINE_SECONDS:g} s"
            log.warning("looking for tasks from the bottom of the queues failed: %s; claims go on", reason)
            return None
        finally:
            now = time.monotonic()
            # How long it takes to find out that a connection is broken says nothing about the next look.
            factor = LOOK_COST_FACTOR if _is_usable(connection) else 1.0
            self.due_at = now + factor * (now - started)
        self.has_failed = False
        self._choice.looked(heads, paused)
        return heads

    async def _heads(self, connection: PinnedConnection) -> dict[str, int]:
        bottoms = self._choice.bottoms()
        return await work.heads(connection, bottoms) if bottoms else await work.discover(connection)


def _is_usable(connection: PinnedConnection) -> bool:
    return connection.info.transaction_status is TransactionStatus.IDLE

"""Full scans: they find what lies before the marks of the queues, where claims no longer look.

A full scan may have to walk dead rows (somebody holds a snapshot) or wait for a slow disk, and the worker claims
nothing in that time. So a scan has a deadline, and the longer it took the later the next one comes. A failed scan says
nothing about the queues: claims go on from the marks, and so does polling.
"""

import asyncio
import logging
import time
from collections.abc import Mapping

import psycopg
from psycopg.pq import TransactionStatus

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.tasks import backlog, worker_verbs
from lapinq_worker.claiming.queue_choice import QueueChoice

SCAN_DEADLINE_SECONDS = 5.0
SCAN_COST_FACTOR = 20.0
ROUTINE_COST_FACTOR = 50.0

log = logging.getLogger(__name__)


class FullScans:
    """`due_at` is when the next scan may begin, by `time.monotonic`, and `routine_at` when one may while claims find
    work; `has_failed` is whether the last one failed."""

    def __init__(self, choice: QueueChoice) -> None:
        self._choice = choice
        self.due_at = self.routine_at = 0.0
        self.has_failed = False

    def forget_cost(self) -> None:
        """The next scan may begin: perhaps the last one only seemed long, because the event loop was blocked."""
        self.due_at = self.routine_at = 0.0

    async def scan(self, connection: PinnedConnection) -> Mapping[str, tuple[int, int]] | None:
        """Tells the choice which queues have work, and returns them, each with the key of its first task.

        None if the scan fails, or if it is too soon after one that failed. Raises if `connection` is no longer usable.
        """
        started = time.monotonic()
        if self.has_failed and started < self.due_at:
            return None
        self.has_failed = True
        try:
            async with asyncio.timeout(SCAN_DEADLINE_SECONDS):
                heads = await self._heads(connection)
                paused = await backlog.paused(connection) if self._choice.asks_for_paused else ()
        except (TimeoutError, psycopg.OperationalError) as error:
            # The driver cancels a statement that is cut short, and closes the connection if that takes long.
            if not _is_usable(connection):
                raise
            reason = str(error).partition("\n")[0] or f"it took longer than {SCAN_DEADLINE_SECONDS:g} s"
            log.warning("the full scan of the queues failed: %s; claims go on from the marks", reason)
            return None
        finally:
            now = time.monotonic()
            # How long it takes to find out that a connection is broken says nothing about the next scan.
            is_usable, took = _is_usable(connection), now - started
            self.due_at = now + took * (SCAN_COST_FACTOR if is_usable else 1.0)
            self.routine_at = now + took * (ROUTINE_COST_FACTOR if is_usable else 1.0)
        self.has_failed = False
        self._choice.scanned(heads, paused)
        return heads

    async def _heads(self, connection: PinnedConnection) -> dict[str, tuple[int, int]]:
        marks = self._choice.lowest_marks()
        return (
            await worker_verbs.heads(connection, marks) if marks else await worker_verbs.discover(connection)
        )


def _is_usable(connection: PinnedConnection) -> bool:
    return connection.info.transaction_status is TransactionStatus.IDLE

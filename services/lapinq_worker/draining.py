"""`lapinq worker --drain`: the end of a worker that is to stop by itself once its queues are empty.

Empty means that nothing of them could start now, fire and forget included, and that nothing of it is claimed, runs, or
waits to be written here. What is delayed, retries too, what lies in a paused queue and what another worker runs is not
waited for. The fetcher asks between two claims, so that no claim of its own can be under way. A scan that failed
is no answer: the worker stays until one succeeds.
"""

import asyncio
import logging
from collections.abc import Callable

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.tasks import backlog
from lapinq_worker.claiming.full_scans import FullScans
from lapinq_worker.claiming.queue_choice import QueueChoice
from lapinq_worker.settling.settler import Settler

WRITE_SECONDS = 5.0

log = logging.getLogger(__name__)


class Draining:
    """`on_drained` is called once, when the queues of `choice` are empty."""

    def __init__(self, choice: QueueChoice, settler: Settler, on_drained: Callable[[], None]) -> None:
        self._choice = choice
        self._settler = settler
        self._on_drained = on_drained

    async def check(self, connection: PinnedConnection, full_scans: FullScans) -> None:
        """To be called when there was nothing to claim, while nothing claimed is left to start or end."""
        # First what ended here is written: a task that failed may have to start again at once.
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._settler.flushed()
        except TimeoutError:
            return
        if await full_scans.scan(connection) == {} and not await backlog.is_due(
            connection, self._choice.named
        ):
            await self._end(connection)

    async def _end(self, connection: PinnedConnection) -> None:
        delayed = await backlog.count_delayed(connection, self._choice.named)
        log.info("drained: nothing is left to start; %d tasks wait for their time", delayed)
        self._on_drained()

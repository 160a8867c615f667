"""`lapinq worker --drain`: stops the worker once its queues are empty.

Empty means that no task could start now, fire-and-forget ones included, and that this worker has none claimed, running
or waiting to be settled. It does not wait for delayed tasks, retries among them, for paused queues, or for what other
workers run. Nor for ready tasks that wait for a time (`backlog.is_startable`): for a limit that a task has closed, or a
circuit breaker. Those that wait for a rate, or for a place, are work that takes its time. The fetcher asks between two
claims, so that none of its own is in flight. A scan that failed is no answer: the worker stays until one succeeds.
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
        """Call it when there was nothing to claim and no claimed task is left to start or end."""
        # Settle first what ended here: a failed task may be ready again at once.
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._settler.flushed()
        except TimeoutError:
            return
        # In this order: a task that is promoted between the two is seen by the scan.
        if await backlog.is_due(connection, self._choice.named):
            return
        heads = await full_scans.scan(connection)
        if heads is None or (heads and await backlog.is_startable(connection, list(heads))):
            return
        await self._end(connection, sorted(heads))

    async def _end(self, connection: PinnedConnection, held_back: list[str]) -> None:
        delayed = await backlog.count_delayed(connection, self._choice.named)
        log.info("drained: nothing is left to start; %d tasks wait for their time", delayed)
        if held_back:
            log.info(
                "tasks of these queues stay ready: %s; `lapinq task why ID` says what each waits for",
                ", ".join(held_back),
            )
        self._on_drained()

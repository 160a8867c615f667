"""`lapinq worker --drain`: stops the worker once its queues are empty.

Empty means that no task could start now, fire-and-forget ones included, and that this worker has none claimed, running
or waiting to be settled. It does not wait for delayed tasks, retries among them, for paused queues, or for what other
workers run. Nor for ready tasks that something else holds back (`backlog.is_startable`): a named limit, or a circuit
breaker; the log says what. Those that wait for the rate or a place of their own queue are work that takes its time. The
fetcher asks between two claims, so that none of its own is in flight. A scan that failed is no answer: the worker stays
until one succeeds.
"""

import asyncio
import logging
from collections.abc import Callable

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.lookup.why.explanation import explain
from lapinq_core.tasks import backlog
from lapinq_worker.claiming.full_scans import FullScans
from lapinq_worker.claiming.queue_choice import QueueChoice
from lapinq_worker.settling.settler import Settler

WRITE_SECONDS = 5.0
_MAX_EXPLAINED = 10
"""Queues of which the log says what holds their tasks back."""

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
        try:
            delayed = await backlog.count_delayed(connection, self._choice.named)
            log.info("drained: nothing is left to start; %d tasks wait for their time", delayed)
            await _explain(connection, held_back)
        finally:
            self._on_drained()


async def _explain(connection: PinnedConnection, held_back: list[str]) -> None:
    """Logs what holds back the ready tasks of these queues."""
    for queue, task_id in (await backlog.first_ready(connection, held_back[:_MAX_EXPLAINED])).items():
        found = await explain(connection, task_id)
        if found is not None:
            log.info("tasks of the queue %s stay ready; the first is %s: %s", queue, task_id, found.why)
    if rest := held_back[_MAX_EXPLAINED:]:
        log.info("tasks of %d more queues stay ready, such as %s", len(rest), rest[0])

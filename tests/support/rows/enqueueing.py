"""Enqueues from the test's own process, through the same verb as the API."""

import asyncio
from collections.abc import Sequence

from lapinq_core.db.notify.notifier import notify
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake import enqueueing
from tests.support.rows.factories import Conn


def enqueue_all(url: str, tasks: Sequence[NewTask]) -> list[str]:
    """Stores `tasks` in batches, wakes the workers, and returns their ids."""

    async def run() -> None:
        async with await Conn.open(url) as conn:
            for start in range(0, len(tasks), 500):
                await notify(conn, await enqueueing.enqueue(conn, tasks[start : start + 500]))

    asyncio.run(run())
    return [task.id for task in tasks]

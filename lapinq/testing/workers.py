"""`DatabaseWorker`: a real worker in this process, for as long as there is something to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from lapinq.errors import LapinqError
from lapinq_core.runtime.settings import load_settings
from lapinq_worker.worker import Worker

if TYPE_CHECKING:
    from lapinq.testing.databases import Database

DRAIN_SECONDS = 60.0


class DatabaseWorker:
    """Plain functions run in threads of this process, so what a test patches is patched for them too.

    `settings` are those of a worker, by the names of `lapinq_core.runtime.settings.Settings`.
    """

    def __init__(self, database: Database, **settings: Any) -> None:
        if not hasattr(database, "url"):
            raise TypeError(
                f"a DatabaseWorker takes what database() or lapinq_database gives, not {type(database).__name__}"
            )
        self._database = database
        self._settings = load_settings(
            {}, **{"worker_pool": "threads", **settings, "database_url": database.url}
        )

    def drain(self, timeout: float = DRAIN_SECONDS) -> None:
        """Run tasks until none is left that may start now. Delayed tasks stay, those that wait for a retry too: let
        their time come with `travel`. So do tasks that a named limit holds back; the log says what does.

        Raises TimeoutError if it takes longer than `timeout` seconds; running tasks are interrupted and released.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(self.adrain(timeout))
            return
        raise LapinqError("drain() is for plain code: in a coroutine, use await adrain()")

    async def adrain(self, timeout: float = DRAIN_SECONDS) -> None:
        """Like `drain`. Coroutines run on the running event loop."""
        worker = Worker(self._settings, drain=True)
        running = asyncio.create_task(worker.run(), name="worker")
        try:
            async with asyncio.timeout(timeout):
                await asyncio.shield(running)
        except TimeoutError:
            if running.done():
                raise
            raise TimeoutError(
                f"tasks still ran, became ready or waited for the rate of their queue after {timeout:g} s"
            ) from None
        finally:
            if not running.done():
                worker.stop()
                worker.stop()  # insists
                await running

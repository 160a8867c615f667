"""A worker inside another program."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from lapinq_core.importing import prepare_imports
from lapinq_core.runtime.settings import Settings
from lapinq_worker.worker import Worker

log = logging.getLogger(__name__)


@asynccontextmanager
async def embedded_worker(
    settings: Settings, reexec: Callable[[], None] | None = None
) -> AsyncGenerator[Worker]:
    """Runs a worker on the current event loop while the context lasts, and stops it gently at its end.

    A worker that an operator has stopped stays stopped until then. Imports the modules that the settings name. Raises
    like `prepare_imports`.
    """
    await asyncio.to_thread(prepare_imports, settings.worker_imports, "program")
    worker = Worker(settings, reexec=reexec)
    # A group, so that a worker that fails ends the context instead of dying unnoticed.
    async with asyncio.TaskGroup() as group:
        group.create_task(_run(worker), name="worker")
        try:
            yield worker
        finally:
            worker.stop()


async def _run(worker: Worker) -> None:
    await worker.run()
    if worker.is_dismissed:
        log.info("the worker has stopped, as requested; restart this program to start it again")

"""Runs the services that share a process with an application: a worker, a scheduler."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Protocol, runtime_checkable

from lapinq_core.monitoring.metrics import Metrics, Source
from lapinq_core.runtime.loops import pause_for

EmbeddedService = Callable[[], AbstractAsyncContextManager[object]]
"""Runs while its context lasts and stops gracefully at its end. If it is a `Source`, its metrics are shown."""


@runtime_checkable
class Stoppable(Protocol):
    """An embedded service that can end immediately: `stop` is called while it stops gracefully."""

    def stop(self) -> None: ...


RESTART_SECONDS = 2.0

log = logging.getLogger(__name__)


class ServiceRunner:
    """Runs one embedded service from `ready` to `stop`, and restarts it when it fails."""

    def __init__(
        self,
        service: EmbeddedService,
        ready: asyncio.Event,
        stop: asyncio.Event,
        forced: asyncio.Event,
        metrics: Metrics,
    ) -> None:
        self._service = service
        self._ready = ready
        self._stop = stop
        self._forced = forced
        self._metrics = metrics
        self._started = asyncio.Event()
        self._failure: Exception | None = None
        self._is_awaited = False

    async def first_start(self) -> None:
        """Waits until it has started. Raises the error if it could not."""
        self._is_awaited = True
        await self._started.wait()
        if self._failure:
            raise self._failure

    async def run(self) -> None:
        while not (self._ready.is_set() or self._stop.is_set()):
            await pause_for(3600.0, self._ready, self._stop)
        while not self._stop.is_set():
            try:
                await self._run_once()
            except Exception as error:
                if self._is_awaited and not self._started.is_set():
                    self._failure = error
                    self._started.set()
                    return
                log.exception("a service in this process failed; restarting it in %g s", RESTART_SECONDS)
                await pause_for(RESTART_SECONDS, self._stop)

    async def _run_once(self) -> None:
        forcing = None
        try:
            async with self._service() as running:
                self._started.set()
                if isinstance(running, Stoppable):
                    forcing = asyncio.create_task(self._stop_when_forced(running))
                with self._metrics.showing(running) if isinstance(running, Source) else nullcontext():
                    await self._stop.wait()
        finally:
            if forcing:
                forcing.cancel()

    async def _stop_when_forced(self, running: Stoppable) -> None:
        await self._forced.wait()
        running.stop()

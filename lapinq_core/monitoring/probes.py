"""Liveness and readiness of a program without its own HTTP server: a worker or a scheduler.

Liveness depends on the event loop alone, never on the database: a restart brings no database back, and costs the
running tasks. Readiness is for rollouts, and for people.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from lapinq_core.runtime.threads import any_thread

PULSE_SECONDS = 1.0


class Probes:
    """The probes of one program. It is not alive when its event loop has not turned for `blocked_after` seconds.

    Until `started` is called the program is alive and not ready.
    """

    def __init__(self, blocked_after: float) -> None:
        self._blocked_after = blocked_after
        self._turned: float | None = None
        self._why_not_ready: Callable[[], str | None] = lambda: "it is starting, or waits for the database"

    @contextmanager
    def beating(self) -> Generator[None]:
        """Watches the running event loop while the context lasts."""
        task = asyncio.create_task(self._beat(), name="pulse")
        try:
            yield
        finally:
            task.cancel()

    async def _beat(self) -> None:
        while True:
            self._turned = time.monotonic()
            await asyncio.sleep(PULSE_SECONDS)

    def started(self, why_not_ready: Callable[[], str | None]) -> None:
        """The program works. From now on `why_not_ready` says whether it is ready."""
        self._why_not_ready = why_not_ready

    @any_thread
    def why_not_alive(self) -> str | None:
        """Why it should be restarted; None while it is alive."""
        if self._turned is None:
            return None
        still = time.monotonic() - self._turned
        return f"its event loop has not turned for {still:.0f} s" if still > self._blocked_after else None

    @any_thread
    def why_not_ready(self) -> str | None:
        """Why it can't work now; None when it can."""
        return self.why_not_alive() or self._why_not_ready()

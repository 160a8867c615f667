"""What a program without an HTTP server of its own, a worker or a scheduler, answers to the probes of who started it.

Whether it lives is about its event loop alone, never about the database: a restart brings no database back, and costs
the tasks that run. Whether it can work is told for rollouts, and for people.
"""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

PULSE_SECONDS = 1.0


class Probes:
    """Of one program; any thread may ask. It is dead when its event loop has not turned for `stuck_after` seconds.

    Until `started` the program is starting: it lives, and can't work yet.
    """

    def __init__(self, stuck_after: float) -> None:
        self._stuck_after = stuck_after
        self._turned: float | None = None
        self._what_keeps_it: Callable[[], str | None] = lambda: "it is starting, or waits for the database"

    @contextmanager
    def beating(self) -> Generator[None]:
        """Notes that the running event loop turns, while the context lasts."""
        task = asyncio.create_task(self._beat(), name="pulse")
        try:
            yield
        finally:
            task.cancel()

    async def _beat(self) -> None:
        while True:
            self._turned = time.monotonic()
            await asyncio.sleep(PULSE_SECONDS)

    def started(self, what_keeps_it: Callable[[], str | None]) -> None:
        """It has begun to work; from now on it can, but for the reason that `what_keeps_it` gives."""
        self._what_keeps_it = what_keeps_it

    def what_ails_it(self) -> str | None:
        """Why it should be started anew; None while it lives."""
        if self._turned is None:
            return None
        still = time.monotonic() - self._turned
        return f"its event loop has not turned for {still:.0f} s" if still > self._stuck_after else None

    def what_keeps_it(self) -> str | None:
        """Why it can't do its work now; None when it can."""
        return self.what_ails_it() or self._what_keeps_it()

"""Notices that the database is away, and says so at once instead of letting every request wait for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from lapinq_core.db.errors import is_away

THRESHOLD = 3
PROBE_INTERVAL_SECONDS = 0.5

log = logging.getLogger(__name__)


async def _nothing() -> None:
    pass


async def _yes() -> bool:
    return True


class Breaker:
    """Open after three failures in a row, until `probe` succeeds. Of one event loop.

    After a failure it asks `is_listening`: where nothing does any more it is open within milliseconds, and the requests
    that follow need not wait for a connection first. A server that turns a newcomer down is there, and may well serve
    the connections it has. `back` is called before it closes.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        back: Callable[[], Awaitable[None]] = _nothing,
        is_listening: Callable[[], Awaitable[bool]] = _yes,
    ) -> None:
        self._probe = probe
        self._back = back
        self._is_listening = is_listening
        self._failures = 0
        self._doubted = asyncio.Event()
        self._tripped = asyncio.Event()

    @property
    def is_open(self) -> bool:
        return self._tripped.is_set()

    def failed(self, reason: object) -> None:
        """The database could not be reached."""
        self._failures += 1
        self._doubted.set()
        if self._failures >= THRESHOLD and not self.is_open:
            log.warning("the database is away, answering 503 until it is back: %s", reason)
            self._tripped.set()

    def succeeded(self) -> None:
        """The database answered."""
        self._failures = 0

    async def run(self) -> None:
        """Probes while open, for ever."""
        while True:
            await self._doubted.wait()
            self._doubted.clear()
            while 0 < self._failures < THRESHOLD and not await self._is_there():
                self.failed("nothing listens there")
            if not self.is_open:
                continue
            since = time.monotonic()
            while not (await self._succeeds(self._probe) and await self._succeeds(self._back)):  # noqa: ASYNC110  # the database sets no event
                await asyncio.sleep(PROBE_INTERVAL_SECONDS)
            log.warning("the database is back after %.1f s", time.monotonic() - since)
            self._failures = 0
            self._tripped.clear()

    async def _is_there(self) -> bool:
        try:
            return await self._is_listening()
        except Exception:  # as around a loop's turn: the probe tells what this would have told sooner
            log.exception("can't see whether anything listens where the database is")
            return True

    async def _succeeds(self, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            await step()
        except Exception as error:
            if not is_away(error):
                log.exception("the database can't be used")
            return False
        return True

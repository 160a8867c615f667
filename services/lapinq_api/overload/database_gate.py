"""Notices that the database is down, and rejects requests immediately instead of letting each wait for it."""

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


class DatabaseGate:
    """Shut after three failures in a row, until `probe` succeeds. Used by one event loop.

    After a failure it calls `is_listening`. If nothing listens there any more, it shuts within milliseconds, and later
    requests need not wait for a connection. A server that rejects a new connection is up, and may well serve the
    existing ones. `before_opening` is called before it opens again.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]],
        before_opening: Callable[[], Awaitable[None]] = _nothing,
        is_listening: Callable[[], Awaitable[bool]] = _yes,
    ) -> None:
        self._probe = probe
        self._before_opening = before_opening
        self._is_listening = is_listening
        self._failures = 0
        self._has_failed = asyncio.Event()
        self._shut = asyncio.Event()

    @property
    def is_shut(self) -> bool:
        return self._shut.is_set()

    def failed(self, reason: object) -> None:
        """Counts a failure to reach the database."""
        self._failures += 1
        self._has_failed.set()
        if self._failures >= THRESHOLD and not self.is_shut:
            log.warning("the database is unavailable, answering 503 until it is back: %s", reason)
            self._shut.set()

    def succeeded(self) -> None:
        """Records that the database answered."""
        self._failures = 0

    async def run(self) -> None:
        """Probes while shut. Runs until cancelled."""
        while True:
            await self._has_failed.wait()
            self._has_failed.clear()
            while 0 < self._failures < THRESHOLD and not await self._is_reachable():
                self.failed("nothing listens at its address")
            if not self.is_shut:
                continue
            since = time.monotonic()
            while not (await self._succeeds(self._probe) and await self._succeeds(self._before_opening)):  # noqa: ASYNC110  # the database sets no event
                await asyncio.sleep(PROBE_INTERVAL_SECONDS)
            log.warning("the database is back after %.1f s", time.monotonic() - since)
            self._failures = 0
            self._shut.clear()

    async def _is_reachable(self) -> bool:
        try:
            return await self._is_listening()
        except Exception:  # as in a loop: without this answer, the probe will tell, only later
            log.exception("cannot check whether anything listens at the database's address")
            return True

    async def _succeeds(self, step: Callable[[], Awaitable[None]]) -> bool:
        try:
            await step()
        except Exception as error:
            if not is_away(error):
                log.exception("the database is not usable")
            return False
        return True

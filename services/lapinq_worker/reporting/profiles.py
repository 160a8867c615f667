"""Stores the profiles of attempts, each after the end of its attempt: no outcome waits for one.

A profile is a courtesy: one whose attempt does not turn up in time, or that the database does not accept, is dropped.
"""

import asyncio
import logging
import time
from collections import deque

import msgspec

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.runtime.failure_log import FailureLog
from lapinq_core.tasks import worker_verbs

MAX_WAITING = 20
RETRY_SECONDS = 0.5
GIVE_UP_SECONDS = 60.0

log = logging.getLogger(__name__)


class _Profile(msgspec.Struct, frozen=True):
    claim: Claim
    data: bytes
    until: float


class Profiles:
    """Those that wait to be stored. Used by one event loop."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._waiting: deque[_Profile] = deque(maxlen=MAX_WAITING)
        self._some = asyncio.Event()
        self._failures = FailureLog(log, "profiles could not be stored", is_away)

    def note(self, claim: Claim, data: bytes) -> None:
        """Takes the profile of an attempt that ends now. Of too many the oldest is dropped."""
        self._waiting.append(_Profile(claim, data, time.monotonic() + GIVE_UP_SECONDS))
        self._some.set()

    async def run(self) -> None:
        """Stores until cancelled."""
        while True:
            await self._some.wait()
            try:
                await self.flush()
            except Exception as error:  # noqa: BLE001  # a loop's turn: the profiles wait
                self._failures.failed(error)
            if self._waiting:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                self._some.clear()

    async def flush(self) -> None:
        """Stores those whose attempts have ended. Raises the driver's errors."""
        for _ in range(len(self._waiting)):
            profile = self._waiting[0]
            async with self._pool.connection() as conn:
                is_stored = await worker_verbs.store_profile(conn, profile.claim, profile.data)
            if self._waiting and self._waiting[0] is profile:
                self._waiting.popleft()
            if not is_stored and time.monotonic() < profile.until:
                self._waiting.append(profile)
            elif not is_stored:
                log.warning("the profile of an attempt was dropped", extra={"task_id": profile.claim.id})

"""Which process does the frequent maintenance for all of them: the one on duty.

It says so twice a second, by NOTIFY, and the others skip those jobs. A process that hears nobody is on duty itself, so
one alone, and each where NOTIFY doesn't work, does everything. Of several on duty the one that has run longest stays.

Nothing depends on there being exactly one: each pass of a job skips what another has locked. A process on duty that
dies, is suspended or cut off, or whose event loop is blocked, falls silent, and others take over after one to two
seconds. One that stops says so, and others take over at once.
"""

import asyncio
import logging
import random
import secrets
import time

from lapinq_core.db.errors import is_away
from lapinq_core.db.notify.notifier import notify
from lapinq_core.db.pool import Pool
from lapinq_core.runtime.failure_log import FailureLog

DUTY_CHANNEL = "lapinq_duty"
BEACON_INTERVAL_SECONDS = 0.5
PATIENCE_SECONDS = (1.2, 2.0)
"""Of silence, before another process takes over; each waits for a time of its own, so that one comes first."""
SEND_SECONDS = 1.0
ENDS = " ends"

log = logging.getLogger(__name__)


class Duty:
    """One event loop owns it. `heard` subscribes to `DUTY_CHANNEL`."""

    def __init__(self) -> None:
        # Sorts by start. Machines' clocks may differ: any order will do.
        self._id = f"{time.time():.6f}-{secrets.token_hex(4)}"
        self._patience = random.uniform(*PATIENCE_SECONDS)  # noqa: S311  # no secret
        self._heard_at = float("-inf")  # from another process, by time.monotonic
        self._failures = FailureLog(
            log, f"could not notify on {DUTY_CHANNEL}; others do the same work", is_away, level=logging.DEBUG
        )

    @property
    def is_on(self) -> bool:
        """Whether this process does the maintenance."""
        return self.starts_in <= 0.0

    @property
    def starts_in(self) -> float:
        """In how many seconds this process is on duty, if it hears no other. Not above 0 while it is."""
        return self._heard_at + self._patience - time.monotonic()

    def heard(self, payload: str) -> None:
        """NOTIFY: a process is on duty, or ends. An empty payload means nothing: it says so again soon."""
        other = payload.removesuffix(ENDS)
        if not other or other == self._id:
            return
        if other != payload:
            self._heard_at = float("-inf")
        elif not self.is_on or other < self._id:
            self._heard_at = time.monotonic()

    async def say(self, pool: Pool) -> None:
        """Tells the others that this process is on duty. Call it every `BEACON_INTERVAL_SECONDS`."""
        await self._send(pool, self._id)

    async def end(self, pool: Pool) -> None:
        """Tells the others that this process stops."""
        if self.is_on:
            await self._send(pool, self._id + ENDS)

    async def _send(self, pool: Pool, payload: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS), pool.connection() as conn:
                await notify(conn, [payload], DUTY_CHANNEL)
        except Exception as error:  # noqa: BLE001  # they notice the silence
            self._failures.failed(error)

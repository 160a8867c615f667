"""Sends on how far attempts have come: the latest of each, a few times a second, in one statement."""

import asyncio
import logging

import psycopg
from psycopg_pool import AsyncConnectionPool

from lapinq_core.db.errors import is_away
from lapinq_core.domain.claim import Claim
from lapinq_core.queue import work

INTERVAL_SECONDS = 0.25
MAX_BATCH = 1_000

log = logging.getLogger(__name__)

_Report = tuple[str, str, int, str | None]  # id, token, percent, message


class ProgressReporter:
    """`note` may be called from any thread; an event loop runs the rest."""

    def __init__(self, pool: AsyncConnectionPool[psycopg.AsyncConnection]) -> None:
        self._pool = pool
        self._latest: dict[str, _Report] = {}

    def note(self, claim: Claim, percent: int, message: str | None) -> None:
        """Takes the latest word of an attempt; returns at once."""
        if claim.id:
            self._latest[claim.id] = (claim.id, claim.token, percent, message)

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            if not self._latest:
                continue
            try:
                async with self._pool.connection() as conn:
                    await self.flush(conn)
            except Exception as error:
                if not is_away(error):
                    raise
                log.debug("progress waits for the database: %s", error)

    async def flush(self, conn: psycopg.AsyncConnection) -> None:
        """Sends what waits; an attempt that is about to end takes its last word with it that way."""
        while self._latest:
            some = [self._latest.pop(task_id) for task_id in list(self._latest)[:MAX_BATCH]]
            try:
                await work.report_progress(conn, sorted(some))
            except BaseException:
                for report in some:
                    self._latest.setdefault(report[0], report)
                raise

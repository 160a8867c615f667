"""Sends on how far attempts have come: the latest of each, a few times a second, in one statement."""

import asyncio
import logging

import psycopg

from lapinq_core.db.errors import is_away
from lapinq_core.db.pool import Pool
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.runtime.failure_log import FailureLog
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks import worker_verbs

INTERVAL_SECONDS = 0.25
MAX_BATCH = 1_000

log = logging.getLogger(__name__)

_Report = tuple[str, str, int, str | None]  # id, token, percent, message


class ProgressReporter:
    """Progress is a courtesy: reports that the database does not accept are dropped, and no outcome waits for them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._latest: dict[tuple[str, str], _Report] = {}
        self._under_way = asyncio.Lock()
        self._failures = FailureLog(log, "progress could not be sent", is_away, level=logging.DEBUG)

    @any_thread
    def note(self, claim: Claim, percent: int, message: str | None) -> None:
        """Takes the latest word of an attempt; returns at once."""
        if claim.id:
            self._latest[claim.id, claim.token] = (claim.id, claim.token, percent, message)

    async def run(self) -> None:
        """Sends until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            if not self._latest:
                continue
            try:
                async with self._pool.connection() as conn:
                    await self.flush(conn)
            except Exception as error:  # noqa: BLE001  # a loop's turn: the next word comes anyway
                self._failures.failed(error)

    async def flush(self, conn: psycopg.AsyncConnection) -> None:
        """Sends what waits now; an attempt that is about to end takes its last word with it that way.

        Raises when the database is away, and keeps what it could not send.
        """
        if not self._latest and not self._under_way.locked():
            return
        # What another call is about to write may be the last word of one that ends now.
        async with self._under_way:
            reports = sorted(self._latest.pop(key) for key in list(self._latest))
            for start in range(0, len(reports), MAX_BATCH):
                await self._send(conn, reports[start : start + MAX_BATCH], reports[start:])

    async def _send(
        self, conn: psycopg.AsyncConnection, reports: list[_Report], unsent: list[_Report]
    ) -> None:
        try:
            await worker_verbs.report_progress(conn, reports)
        except BaseException as error:
            if isinstance(error, Exception) and not is_away(error):
                self._failures.failed(error)
                return
            for report in unsent:
                self._latest.setdefault((report[0], report[1]), report)
            raise

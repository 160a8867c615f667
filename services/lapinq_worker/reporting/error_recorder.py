"""Writes the failures that a worker counted to the error groups, the first of a group within two seconds.

A worker without failures writes nothing. While failures keep coming, the pauses between writes grow from one second to
ten; the first failure of another group ends a pause. During a database outage the counts wait in bounded memory. A
killed process loses the counts since its last write; if the answer to a statement is lost, its counts may be written
twice.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable

import psycopg

from lapinq_core.db.pool import Pool
from lapinq_core.domain.error_groups import FLUSH_SECONDS
from lapinq_core.error_groups.recording import record
from lapinq_worker.running.failures import FailureTally

GATHER_SECONDS = (0.2, 1.2)
"""How long failures are gathered before they are written: a random time in this range, so that workers don't all
write at the same moment when everything begins to fail."""
INITIAL_PAUSE_SECONDS = 1.0
IDLE_SECONDS = 3600.0

log = logging.getLogger(__name__)


class ErrorRecorder:
    """One event loop owns it. `worker` is the name under which failures are written, `release` that of the code."""

    def __init__(
        self,
        pool: Pool,
        tally: FailureTally,
        worker: Callable[[], str],
        release: str | None,
    ) -> None:
        self._pool = pool
        self._tally = tally
        self._worker = worker
        self._release = release
        self._writing = asyncio.Lock()
        self._pause = INITIAL_PAUSE_SECONDS
        self._wrote_at = -IDLE_SECONDS

    async def turn(self) -> float:
        """Writes what there is. Returns the pause before the next turn, which `FailureTally.due` ends."""
        if self._tally.is_idle():
            return IDLE_SECONDS
        is_busy = time.monotonic() - self._wrote_at < 2 * self._pause
        self._pause = min(self._pause * 2, FLUSH_SECONDS) if is_busy else INITIAL_PAUSE_SECONDS
        await asyncio.sleep(random.uniform(*GATHER_SECONDS))  # noqa: S311  # no secret
        await self.flush()
        self._wrote_at = time.monotonic()
        return self._pause

    async def flush(self) -> None:
        """Writes what has gathered; raises when that fails, having lost nothing."""
        async with self._writing:
            failures = self._tally.take()
            if not failures:
                return
            try:
                async with self._pool.connection() as conn:
                    await record(conn, failures, worker=self._worker(), release=self._release)
            except psycopg.DataError as error:
                log.warning(
                    "errors of %d kinds can't be stored, and are not counted: %s", len(failures), error
                )
            except BaseException:
                self._tally.give_back(failures)
                raise

"""Writes the figures over time that a worker gathers, once in each span of ten seconds.

Figures are sums in bounded memory. While the database is away they grow; when it is back, they are written as of then.
A killed process loses what it gathered since its last write. If the answer to a statement is lost, its figures may be
written twice.
"""

import asyncio
import random

from lapinq_core.db.pool import Pool
from lapinq_core.domain.figures import FLUSH_SECONDS
from lapinq_core.figures import rollups, task_rollups
from lapinq_worker.running.tally import Tally


class Recorder:
    """One event loop owns it."""

    def __init__(self, pool: Pool, tally: Tally) -> None:
        self._pool = pool
        self._tally = tally
        self._writing = asyncio.Lock()
        # Within a span of the database's clock each worker writes at a time of its own, away from both ends: so each
        # span gets what one such time brought, never none or two, and not all workers write at once.
        self._phase = random.uniform(0.2, 0.8) * FLUSH_SECONDS  # noqa: S311  # no secret

    async def turn(self) -> float:
        """Writes. Returns the pause until this worker's time in the next span."""
        over = await self.flush()
        return FLUSH_SECONDS if over is None else FLUSH_SECONDS - over + self._phase

    async def flush(self) -> float | None:
        """Writes what has gathered; raises when that fails, having lost nothing.

        Answers how many seconds of the database's span are over, None when there was nothing to write.
        """
        async with self._writing:
            over = await self._flush_queues()
            await self._flush_tasks()
            return over

    async def _flush_queues(self) -> float | None:
        figures = self._tally.take_figures()
        if not figures:
            return None
        try:
            async with self._pool.connection() as conn:
                return await rollups.record(conn, figures)
        except BaseException:
            self._tally.give_back(figures)
            raise

    async def _flush_tasks(self) -> None:
        figures = self._tally.take_task_figures()
        if not figures:
            return
        try:
            async with self._pool.connection() as conn:
                await task_rollups.record(conn, figures)
        except BaseException:
            self._tally.give_task_figures_back(figures)
            raise

"""Hands over everything that a worker holds while its event loop is stuck, from another thread.

What is most dear comes first: outcomes that are known already and not written yet, the ends of the jobs to blame, then
what runs besides (it starts again without a start used up), then what waits, then the worker itself, whose rows are
gone so that others take at once what was missed. Each write matches a claim's token: a loop that wakes up meanwhile
writes nothing twice, and what it writes later is refused.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import psycopg

from lapinq_core.db.notifier import notify
from lapinq_core.db.pool import connect
from lapinq_core.domain.decide import Isolation
from lapinq_core.domain.outcome import Outcome
from lapinq_core.queue import work
from lapinq_core.store import workers
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.fetcher import Fetcher
from lapinq_worker.job import Job
from lapinq_worker.membership import Membership
from lapinq_worker.settler import Settler

STEP_SECONDS = 5.0

log = logging.getLogger(__name__)


class Holding(Protocol):
    """A pool, as far as this needs it; both are called from another thread than the loop's."""

    def held(self) -> list[tuple[Job, Outcome, float]]:
        """Everything in it, with what it ends as when nothing more can be learned of it, and its run time."""
        ...

    def halt(self) -> None:
        """Ends at once what can be ended from outside, so that nothing runs beside its next attempt."""
        ...


class Fence:
    """Around one worker. Its call blocks the thread for some seconds at most."""

    def __init__(
        self,
        url: str,
        membership: Membership,
        settler: Settler,
        dispatcher: Dispatcher,
        fetcher: Fetcher,
        pools: Sequence[Holding],
    ) -> None:
        self._url = url
        self._membership = membership
        self._settler = settler
        self._dispatcher = dispatcher
        self._fetcher = fetcher
        self._pools = pools

    def __call__(self, ends: Mapping[Job, Outcome], is_stuck: Callable[[], bool]) -> bool:
        """Ends the jobs in `ends` as they say and hands back the rest. False when the loop turns already.

        Raises, having lost nothing, when what is known can't be written; to be called again then.
        """
        # Not asyncio.run, which would wait at its end for a name server that does not answer.
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(self._put_up(ends, is_stuck))
        finally:
            loop.close()

    async def _put_up(self, ends: Mapping[Job, Outcome], is_stuck: Callable[[], bool]) -> bool:
        async with asyncio.timeout(STEP_SECONDS):
            conn = await connect(self._url, "lapinq-worker fence", **work.PLAN_SETTINGS)
        try:
            if not is_stuck():
                return False
            # From here on there is no way back: nothing is claimed or started, and a loop that wakes up begins anew.
            worker = self._membership.give_up()
            for pool in self._pools:
                pool.halt()
            queues = set[str]()
            settler = Settler(self._url, queues.update)
            async with asyncio.timeout(STEP_SECONDS):
                await self._end(settler, ends)
            await _try("hand back running tasks", lambda: self._interrupt(settler, ends))
            await _try("hand back waiting tasks", lambda: self._release(conn, worker, queues))
            await _try("sign off", lambda: workers.deregister(conn, worker))
            await _try("wake other workers", lambda: notify(conn, queues))
            return True
        finally:
            await conn.close()

    async def _end(self, settler: Settler, ends: Mapping[Job, Outcome]) -> None:
        settler.adopt(self._settler)
        now = time.perf_counter()
        for job, outcome in ends.items():
            # Apart from others next time, so that it does not take them with it again.
            settler.add(job, outcome, now - job.started, isolation=Isolation.OWN_PROCESS)
        await settler.write_all()

    async def _interrupt(self, settler: Settler, ends: Mapping[Job, Outcome]) -> None:
        for pool in self._pools:
            for job, outcome, seconds in pool.held():
                if job not in ends:
                    settler.add(job, outcome, seconds)
        await settler.write_all()

    async def _release(self, conn: psycopg.AsyncConnection, worker: str, queues: set[str]) -> None:
        claims = [job.claim for job in self._dispatcher.unstarted() if not job.claim.is_transient]
        claims += self._fetcher.held()
        for token in self._fetcher.doubtful:
            # A claim was under way, and its answer waits in the loop.
            claims += await work.reclaim(conn, worker=worker, token=token)
        queues.update(await work.release(conn, claims))


async def _try(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """What fails here is found by others when they see that the worker is gone."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await step()
    except Exception as error:  # noqa: BLE001  # the steps after it matter too
        log.warning("could not %s: %s", what, str(error).strip() or type(error).__name__)

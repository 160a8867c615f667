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
from lapinq_core.db.pool import connect_pinned
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Interrupted, Outcome, Unstarted
from lapinq_core.fleet import workers
from lapinq_core.tasks import work
from lapinq_worker.claiming.fetcher import Fetcher
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job
from lapinq_worker.settling.settler import Settler

STEP_SECONDS = 5.0
BATCH_SECONDS = 10.0
WRITE_SECONDS = 30.0  # at one time, so that the watchdog gets its turn
GIVE_UP_SECONDS = 60.0  # of a database that answers, and does not take what is known

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
    """Around one worker. Its call blocks the thread for less than a minute."""

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
        self._handover: _Handover | None = None

    def __call__(self, ends: Mapping[Job, Outcome], is_stuck: Callable[[], bool]) -> bool:
        """Ends the jobs in `ends` as they say and hands back the rest. False when the loop turns already.

        Raises, having lost nothing, when what is known can't be written; to be called again then.
        """
        # Not asyncio.run, which would wait at its end for a name server that does not answer.
        loop = asyncio.new_event_loop()
        try:
            is_through = loop.run_until_complete(self._put_up(ends, is_stuck))
        finally:
            loop.close()
        self._handover = None
        return is_through

    async def _put_up(self, ends: Mapping[Job, Outcome], is_stuck: Callable[[], bool]) -> bool:
        async with asyncio.timeout(STEP_SECONDS):
            conn = await connect_pinned(self._url, "lapinq-worker fence")
        try:
            if not is_stuck():
                return False
            # From here on there is no way back: nothing is claimed or started, and a loop that wakes up begins anew.
            handover = self._begin(self._membership.give_up())
            for pool in self._pools:
                pool.halt()
            now = time.perf_counter()
            for job, outcome in ends.items():
                # Apart from others next time, so that it does not take them with it again.
                handover.add(job, outcome, now - job.started, isolation=Isolation.OWN_PROCESS)
            held = [end for pool in self._pools for end in _held(pool)]
            for job, outcome, seconds in held:
                if not isinstance(outcome, Interrupted | Unstarted):
                    handover.add(job, outcome, seconds)
            await handover.write_known()
            for job, outcome, seconds in held:
                handover.add(job, outcome, seconds)
            await _try("hand back running tasks", handover.write)
            await _try("hand back waiting tasks", lambda: self._release(conn, handover))
            await _try("sign off", lambda: workers.deregister(conn, handover.worker))
            await _try("wake other workers", lambda: notify(conn, handover.queues))
            return True
        finally:
            await conn.close()

    def _begin(self, worker: str) -> "_Handover":
        """That of `worker` goes on where it failed."""
        if self._handover is None or self._handover.worker != worker:
            self._handover = _Handover(self._url, worker)
            self._handover.settler.adopt(self._settler)
        return self._handover

    async def _release(self, conn: psycopg.AsyncConnection, handover: "_Handover") -> None:
        claims = [job.claim for job in self._dispatcher.unstarted() if not job.claim.is_transient]
        claims += self._fetcher.held()
        for token in self._fetcher.doubtful:
            # A claim was under way, and its answer waits in the loop.
            claims += await work.reclaim(conn, worker=handover.worker, token=token)
        handover.queues.update(await work.release(conn, claims))


class _Handover:
    """What is still to be written of `worker`, over all tries. `queues` is where work may wait then."""

    def __init__(self, url: str, worker: str) -> None:
        self._url = url
        self.worker = worker
        self.queues = set[str]()
        self.settler = Settler(url, self.queues.update)
        self._added = set[Job]()
        self._failing_since: float | None = None

    def add(
        self, job: Job, outcome: Outcome, seconds: float, *, isolation: Isolation = Isolation.NONE
    ) -> None:
        """Takes the outcome of a job, unless it has one."""
        if job not in self._added:
            self._added.add(job)
            self.settler.add(job, outcome, seconds, isolation=isolation)

    async def write_known(self) -> None:
        """As `write`; what fails for too long is told and left."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self.write()
        except Exception as error:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if now - self._failing_since < GIVE_UP_SECONDS:
                raise
            log.error(  # noqa: TRY400  # where it failed tells nothing
                "could not write how %d tasks ended (%s); others take them, and they run again",
                sum(map(len, self.settler.waiting())),
                _why(error),
            )
            self.settler = Settler(self._url, self.queues.update)

    async def write(self) -> None:
        """Writes what it was given; raises when that fails, and what was written is not written again."""
        await self.settler.write_all(BATCH_SECONDS)


def _held(pool: Holding) -> list[tuple[Job, Outcome, float]]:
    try:
        return pool.held()
    except Exception:
        log.exception("it can't be told what runs; others find it when they see that this worker is gone")
        return []


async def _try(what: str, step: Callable[[], Awaitable[None]]) -> None:
    """What fails here is found by others when they see that the worker is gone."""
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await step()
    except Exception as error:  # noqa: BLE001  # the steps after it matter too
        log.warning("could not %s: %s", what, _why(error))


def _why(error: Exception) -> str:
    return str(error).strip() or type(error).__name__

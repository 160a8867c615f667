"""Settles and releases everything a worker holds, from another thread, while its event loop is blocked.

Known outcomes go first, and are tried again until the database takes them. What comes after is tried once: other
workers rescue what is left, because the worker's row is gone.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import psycopg

from lapinq_core.db.notify.notifier import notify
from lapinq_core.db.pool import connect_pinned
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Interrupted, Outcome, Unstarted
from lapinq_core.fleet import workers
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks import worker_verbs
from lapinq_worker.claiming.inbox import Inbox
from lapinq_worker.claiming.unanswered import UnansweredClaims
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job
from lapinq_worker.running.unsettled import Unsettled
from lapinq_worker.settling.settler import Settler

STEP_SECONDS = 5.0
BATCH_SECONDS = 10.0
WRITE_SECONDS = 30.0  # per try, so that the watchdog is fed in between
GIVE_UP_SECONDS = 60.0  # for a database that answers but refuses the outcomes

log = logging.getLogger(__name__)


class Haltable(Protocol):
    """A pool."""

    @any_thread
    def halt(self) -> list[Unsettled]:
        """Stops what can be stopped from outside, so that nothing runs beside its next attempt, and returns all jobs
        in the pool. Called while the event loop is blocked, again for each try."""
        ...


class Handover:
    """Around one worker. A call blocks its thread for less than a minute."""

    def __init__(
        self,
        url: str,
        membership: Membership,
        settler: Settler,
        dispatcher: Dispatcher,
        inbox: Inbox,
        unanswered: UnansweredClaims,
        pools: Sequence[Haltable],
    ) -> None:
        self._url = url
        self._membership = membership
        self._settler = settler
        self._dispatcher = dispatcher
        self._inbox = inbox
        self._unanswered = unanswered
        self._pools = pools
        self._outcomes: _Outcomes | None = None  # kept until they are written, over all tries

    def __call__(self, culprits: Mapping[Job, Outcome], is_blocked: Callable[[], bool]) -> bool:
        """Ends `culprits` as given and releases the rest. False when the loop turns again.

        Raises when the known outcomes can't be written. Nothing is lost then: call again.
        """
        # Not asyncio.run, which at its end would wait for a name server that does not answer.
        loop = asyncio.new_event_loop()
        try:
            is_done = loop.run_until_complete(self._run(culprits, is_blocked))
        finally:
            loop.close()
        self._outcomes = None
        return is_done

    async def _run(self, culprits: Mapping[Job, Outcome], is_blocked: Callable[[], bool]) -> bool:
        async with asyncio.timeout(STEP_SECONDS):
            conn = await connect_pinned(self._url, "lapinq-worker handover")
        try:
            if not is_blocked():
                return False
            # The point of no return: nothing is claimed or started, and a loop that wakes up registers again.
            outcomes = self._take_over(self._membership.give_up())
            now = time.perf_counter()
            for job, outcome in culprits.items():
                # Isolated next time, so that it does not block others again.
                outcomes.add(job, outcome, now - job.started, isolation=Isolation.ISOLATED)
            unsettled = [each for pool in self._pools for each in _halt(pool)]
            for job, outcome, seconds in unsettled:
                if not isinstance(outcome, Interrupted | Unstarted):
                    outcomes.add(job, outcome, seconds)
            await outcomes.write_known()
            for job, outcome, seconds in unsettled:
                outcomes.add(job, outcome, seconds)
            await _try("release running tasks", outcomes.write)
            await _try("release waiting tasks", lambda: self._release(conn, outcomes))
            await _try("sign off", lambda: workers.deregister(conn, outcomes.worker))
            await _try("wake other workers", lambda: notify(conn, outcomes.queues))
            return True
        finally:
            await conn.close()

    def _take_over(self, worker: str) -> "_Outcomes":
        if self._outcomes is None or self._outcomes.worker != worker:
            self._outcomes = _Outcomes(self._url, worker)
            self._outcomes.settler.adopt(self._settler)
        return self._outcomes

    async def _release(self, conn: psycopg.AsyncConnection, outcomes: "_Outcomes") -> None:
        claims = [job.claim for job in self._dispatcher.unstarted() if not job.claim.is_transient]
        claims += self._inbox.unstarted()
        for token in self._unanswered.tokens:
            # A claim was in flight, and its answer waits in the loop.
            claims += await worker_verbs.reclaim(conn, worker=outcomes.worker, token=token)
        outcomes.queues.update(await worker_verbs.release(conn, claims))


class _Outcomes:
    """What is still to be written for `worker`. `queues` are those in which work may wait then."""

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
        """Takes a job's outcome, unless it has one."""
        if job not in self._added:
            self._added.add(job)
            self.settler.add(job, outcome, seconds, isolation=isolation)

    async def write_known(self) -> None:
        """Writes what was added; gives up, and says so in the log, when the database refuses it for too long."""
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self.write()
        except Exception as error:
            now = time.monotonic()
            self._failing_since = self._failing_since or now
            if now - self._failing_since < GIVE_UP_SECONDS:
                raise
            log.error(  # noqa: TRY400  # where it failed tells nothing
                "could not write the outcomes of %d tasks (%s); other workers rescue them, and they run again",
                sum(map(len, self.settler.waiting())),
                _why(error),
            )
            self.settler = Settler(self._url, self.queues.update)

    async def write(self) -> None:
        """Writes what was added; raises when that fails. What was written is not written again."""
        await self.settler.write_all(BATCH_SECONDS)


def _halt(pool: Haltable) -> list[Unsettled]:
    try:
        return pool.halt()
    except Exception:
        log.exception("can't tell what a pool runs; other workers rescue it")
        return []


async def _try(what: str, step: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(STEP_SECONDS):
            await step()
    except Exception as error:  # noqa: BLE001  # the steps after it matter too
        log.warning("could not %s: %s", what, _why(error))


def _why(error: Exception) -> str:
    return str(error).strip() or type(error).__name__

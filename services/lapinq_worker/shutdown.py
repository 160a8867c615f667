"""How a worker stops: it releases what has not started, lets running tasks end, and releases those that don't in time.

Its heartbeat goes on until the last outcome is written, so that nobody rescues what still runs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lapinq_core.db.errors import is_away
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import Pool
from lapinq_core.domain.tasks.outcome import Interrupted, Outcome
from lapinq_core.runtime.loops import pause_for, succeed
from lapinq_core.tasks import worker_verbs
from lapinq_worker.claiming.inbox import Inbox
from lapinq_worker.claiming.unanswered import UnansweredClaims
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.reporting.reports import Reports
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.settling.settler import Settler

INTERRUPT_SECONDS = 5.0
FLUSH_SECONDS = 10.0

log = logging.getLogger(__name__)


class Shutdown:
    """The end of a worker whose fetcher claims no more. `interrupt` stops all running tasks."""

    def __init__(
        self,
        pool: Pool,
        membership: Membership,
        inbox: Inbox,
        unanswered: UnansweredClaims,
        dispatcher: Dispatcher,
        settler: Settler,
        notifier: Notifier,
        interrupt: Callable[[Outcome], None],
        reports: Reports,
    ) -> None:
        self._pool = pool
        self._membership = membership
        self._inbox = inbox
        self._unanswered = unanswered
        self._dispatcher = dispatcher
        self._settler = settler
        self._notifier = notifier
        self._interrupt = interrupt
        self._reports = reports

    async def run(self, grace: float, insisted: asyncio.Event) -> None:
        """Waits for running tasks up to `grace` seconds, or until `insisted` is set."""
        await self._release_unstarted()
        if self._dispatcher.active:
            log.info("waiting up to %g s for %d running tasks", grace, self._dispatcher.active)
        await pause_for(grace, self._dispatcher.idle, insisted)
        if self._dispatcher.active:
            log.warning("releasing %d tasks that did not finish in time", self._dispatcher.active)
            self._interrupt(Interrupted())
            await pause_for(INTERRUPT_SECONDS, self._dispatcher.idle)
        await _insist("write the last outcomes", self._settler.flushed)
        self._membership.stop_beating()
        if await _insist("sign off", self._membership.leave):
            await _insist("write the last figures", self._reports.figures.flush)
            await _insist("write the last errors", self._reports.errors.flush)
            await _insist("write the last profiles", self._reports.profiles.flush)

    async def _release_unstarted(self) -> None:
        unstarted = [job.claim for job in self._dispatcher.take_unstarted()]
        self._reports.tally.released(unstarted)
        claims = [claim for claim in unstarted if not claim.is_transient]
        claims += self._inbox.take_unstarted()

        async def release() -> None:
            async with self._pool.connection() as conn:
                # A claim whose connection broke may have taken tasks.
                for token in self._unanswered.tokens:
                    claims.extend(await worker_verbs.reclaim(conn, worker=self._membership.id, token=token))
                self._notifier.wake(await worker_verbs.release(conn, claims))

        if claims or self._unanswered:
            await _insist(f"release {len(claims)} tasks", release)


async def _insist(what: str, call: Callable[[], Awaitable[object]]) -> bool:
    """Calls `call` until it succeeds, or `FLUSH_SECONDS` are over: then it answers False.

    Other workers rescue what is left.
    """

    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await succeed(what, call, expected=is_away)
    except TimeoutError:
        log.warning("could not %s", what)
        return False
    return True

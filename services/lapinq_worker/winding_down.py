"""How a worker stops: it hands back what it has not started, lets running tasks end, and hands back what does not.

Its heartbeat goes on until the last outcome is written, so that nobody takes what still runs.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from lapinq_core.db.errors import is_away
from lapinq_core.db.notifier import Notifier
from lapinq_core.db.pool import Pool
from lapinq_core.domain.tasks.outcome import Interrupted, Outcome
from lapinq_core.runtime.loops import StopLoop, pause_for, run_every
from lapinq_core.tasks import work
from lapinq_worker.claiming.fetcher import Fetcher
from lapinq_worker.liveness.membership import Membership
from lapinq_worker.reporting.recorder import Recorder
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.tally import Tally
from lapinq_worker.settling.settler import Settler

INTERRUPT_SECONDS = 5.0
FLUSH_SECONDS = 10.0

log = logging.getLogger(__name__)


class WindingDown:
    """The last minutes of a worker whose fetcher claims no more. `interrupt` stops whatever runs."""

    def __init__(
        self,
        pool: Pool,
        membership: Membership,
        fetcher: Fetcher,
        dispatcher: Dispatcher,
        settler: Settler,
        notifier: Notifier,
        interrupt: Callable[[Outcome], None],
        tally: Tally,
        recorder: Recorder,
    ) -> None:
        self._pool = pool
        self._membership = membership
        self._fetcher = fetcher
        self._dispatcher = dispatcher
        self._settler = settler
        self._notifier = notifier
        self._interrupt = interrupt
        self._tally = tally
        self._recorder = recorder

    async def run(self, grace: float, insisted: asyncio.Event) -> None:
        """Waits for running tasks up to `grace` seconds, or until `insisted` is set."""
        await self._hand_back_waiting()
        if self._dispatcher.active:
            log.info("waiting up to %g s for %d running tasks", grace, self._dispatcher.active)
        await pause_for(grace, self._dispatcher.idle, insisted)
        if self._dispatcher.active:
            log.warning("handing back %d tasks that did not finish in time", self._dispatcher.active)
            self._interrupt(Interrupted())
            await pause_for(INTERRUPT_SECONDS, self._dispatcher.idle)
        await _insist("write the last outcomes", self._settler.flushed)
        self._membership.stop_beating()
        if await _insist("sign off", self._membership.leave):
            await _insist("write the last figures", self._recorder.flush)

    async def _hand_back_waiting(self) -> None:
        unstarted = [job.claim for job in self._dispatcher.withdraw()]
        self._tally.withdrawn(unstarted)
        claims = [claim for claim in unstarted if not claim.is_transient]
        claims += self._fetcher.withdraw()

        async def hand_back() -> None:
            async with self._pool.connection() as conn:
                # A claim that was broken off may have taken tasks.
                for token in self._fetcher.doubtful:
                    claims.extend(await work.reclaim(conn, worker=self._membership.id, token=token))
                self._notifier.wake(await work.release(conn, claims))

        if claims or self._fetcher.doubtful:
            await _insist(f"hand back {len(claims)} tasks", hand_back)


async def _insist(what: str, turn: Callable[[], Awaitable[object]]) -> bool:
    """Calls `turn` until it succeeds, or `FLUSH_SECONDS` are over: then it answers False.

    What is left of tasks then is rescued by others.
    """

    async def once() -> None:
        await turn()
        raise StopLoop

    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await run_every(what, once, interval=0.0, stop=asyncio.Event(), expected=is_away)
    except TimeoutError:
        log.warning("could not %s", what)
        return False
    return True

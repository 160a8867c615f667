"""Claims on their way to the dispatcher, and back to the database if they can't start here.

They wait for the import of their function (`Arrivals`), for the answer of a circuit breaker (`Admission`), for results
that their arguments name (`NamedResults`), or to be released. How many the worker has decides how many it wants.
"""

import logging
import math
import time
from collections.abc import Callable, Iterable

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks import worker_verbs
from lapinq_worker.claiming.admission import Admission
from lapinq_worker.claiming.arrivals import Arrivals
from lapinq_worker.claiming.member import Member
from lapinq_worker.claiming.named_results import NamedResults
from lapinq_worker.claiming.prefetch import Prefetch
from lapinq_worker.running.dispatcher import Dispatcher, OnEnded
from lapinq_worker.running.functions import Functions
from lapinq_worker.running.host import Host
from lapinq_worker.running.tally import Tally

STALL_SECONDS = 1.0
LEAST_STALL_SECONDS = 0.1
"""Tasks of a queue with a policy hold places that others could use, so they wait here only for a poll interval, but at
least so long."""

log = logging.getLogger(__name__)


class Inbox:
    """One event loop owns it.

    `on_ended` gets jobs that can't start, `on_imported` is called when claims no longer wait for their function, and
    `on_released` gets queues in which others find work, each with this many tasks.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        functions: Functions,
        host: Host,
        member: Member,
        tally: Tally,
        *,
        poll_interval: float,
        may_claim: Callable[[], bool],
        on_ended: OnEnded,
        on_imported: Callable[[], None],
        on_released: Callable[[Iterable[str], int], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._member = member
        self._tally = tally
        self._governed_stall = min(STALL_SECONDS, max(poll_interval, LEAST_STALL_SECONDS))
        self._may_claim = may_claim
        self._on_released = on_released
        self.prefetch = Prefetch()
        self._admission = Admission(member)
        self._results = NamedResults(lambda: member.id)
        self._arrivals = Arrivals(
            dispatcher,
            functions,
            host,
            worker_id=lambda: member.id,
            on_ended=on_ended,
            on_refused=self._give_back,
            on_imported=on_imported,
        )
        self._to_release: list[Claim] = []
        self.claimed_count = 0

    @property
    def in_hand(self) -> int:
        """How many claimed tasks the worker has that have not ended, without those to release."""
        return self._dispatcher.in_hand + self._arrivals.waiting + len(self._admission) + len(self._results)

    @property
    def is_full(self) -> bool:
        """Whether tasks wait for a slot of the dispatcher."""
        return bool(self._dispatcher.waiting)

    @property
    def waits_for_room(self) -> bool:
        """Whether tasks wait until others that hold large results start or end."""
        return bool(self._results)

    @property
    def has_to_release(self) -> bool:
        """Whether `pass_on` has something to release."""
        return bool(self._to_release)

    def wanted(self) -> int:
        """How many tasks to claim: free slots, and a measured few more. None while it is quiet, or may not claim."""
        ahead = self.prefetch.value
        self._dispatcher.low_water = self._dispatcher.limit + ahead // 2 - 1
        in_hand = self.in_hand
        if in_hand > self._dispatcher.low_water or self._member.is_quiet or not self._may_claim():
            return 0
        return self.prefetch.bounded(self._dispatcher.limit + ahead - in_hand)

    @property
    def free_slots(self) -> int:
        """How many more tasks could start now."""
        return max(0, self._dispatcher.limit - self._dispatcher.in_hand - self._arrivals.waiting)

    @property
    def free_isolated(self) -> int:
        """How many more isolated tasks could start now."""
        return max(0, self._dispatcher.isolated_places - isolated_of(self.unstarted()))

    def take_in(self, claims: list[Claim], round_trip: float) -> None:
        """Takes claims that came after `round_trip` seconds."""
        self.claimed_count += len(claims)
        self._tally.claimed(claims)
        payload = sum(len(claim.args) + len(claim.kwargs) for claim in claims)
        self.prefetch.claimed(
            time.perf_counter(), round_trip, self._dispatcher.ended_count, payload, len(claims)
        )
        self._pass_on(self._admission.hold_back(claims, round_trip), round_trip)

    async def pass_on(self, connection: PinnedConnection) -> None:
        """Asks for the tasks that a circuit breaker may keep and for results that arguments name, and releases what
        can't start here."""
        if self._admission:
            admitted = await self._admission.admit(connection)
            self._tally.released(admitted.refused)
            self._pass_on(admitted.claims, admitted.round_trip)
        while self._results and (self._results.has_room or self.free_slots):
            await self._look_up(connection)
        if self._to_release:
            await self._release(connection)

    def take_stalled(self) -> None:
        """Takes out prefetched tasks that can't start here, behind slow tasks or while quiet: they may elsewhere."""
        since_start = time.monotonic() - self._dispatcher.last_start
        takes_all = since_start >= STALL_SECONDS
        if self._member.is_quiet:
            takes_all = True
            self._give_back(self._arrivals.take_unstarted())
        elif since_start < self._governed_stall:
            return
        # A fire-and-forget task exists nowhere else.
        jobs = self._dispatcher.take_unstarted(
            lambda job: not job.claim.is_transient and (takes_all or job.claim.is_governed)
        )
        claims = [job.claim for job in jobs]
        if takes_all:
            claims += self._results.take_unstarted()
        if claims and not self._member.is_quiet:
            self.prefetch.stalled()
        self._give_back(claims)
        if self._to_release:
            log.info("releasing %d tasks that have not started", len(self._to_release))

    @any_thread
    def unstarted(self) -> list[Claim]:
        """The claims that have not reached the dispatcher."""
        return [
            *self._to_release,
            *self._admission.unstarted(),
            *self._results.unstarted(),
            *self._arrivals.unstarted(),
        ]

    def take_unstarted(self) -> list[Claim]:
        """Takes out `unstarted`, once the fetcher has ended."""
        self._give_back(
            [
                *self._admission.take_unstarted(),
                *self._results.take_unstarted(),
                *self._arrivals.take_unstarted(),
            ]
        )
        claims, self._to_release = self._to_release, []
        return claims

    def stop(self) -> None:
        """Stops looking for functions."""
        self._arrivals.stop()

    def _pass_on(self, claims: list[Claim], round_trip: float) -> None:
        self._arrivals.take_in(self._results.hold_back(claims, round_trip), round_trip)

    async def _look_up(self, connection: PinnedConnection) -> None:
        try:
            found = await self._results.look_up(connection)
        except BaseException:
            # Another worker may have more luck, or this one when the database is back.
            self._give_back(self._results.take_unstarted())
            raise
        self._arrivals.take_in(found.claims, found.round_trip)
        self._arrivals.end(found.too_large)

    def _give_back(self, claims: list[Claim]) -> None:
        self._tally.released(claims)
        self._to_release += claims

    async def _release(self, connection: PinnedConnection) -> None:
        # Again until it succeeds: what neither runs nor is released would wait for its deadline.
        claims = self._to_release[:]
        queues = await worker_verbs.release(connection, claims)
        del self._to_release[: len(claims)]
        if queues:
            self._on_released(queues, math.ceil(len(claims) / len(queues)))


def isolated_of(claims: Iterable[Claim]) -> int:
    """How many of them must run alone."""
    return sum(claim.isolation >= Isolation.ISOLATED for claim in claims)

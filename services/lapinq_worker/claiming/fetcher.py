"""Claims tasks for the dispatcher.

It asks for as many as can start now and a measured few more, and claims again at once while claims come back full. With
nothing to claim it sleeps until a NOTIFY or a free slot wakes it, or until `poll_interval` is over. A claim starts at
the mark of its queue; a full scan (`FullScans`) follows when all queues seem empty, and now and then while busy.
`docs/claiming.md` draws the protocol.
"""

import asyncio
import logging
import math
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable

import msgspec

from lapinq_core.db import ready_notices
from lapinq_core.db.errors import is_away
from lapinq_core.db.pinned_session import PinnedSession
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim, by_queue
from lapinq_core.domain.tasks.decide import Isolation
from lapinq_core.domain.tasks.outcome import Outcome
from lapinq_core.fleet.workers import ALONE, Place
from lapinq_core.runtime.loops import Loop
from lapinq_core.runtime.threads import any_thread
from lapinq_core.tasks import claiming, worker_verbs
from lapinq_core.tasks.claim_facts import facts_of
from lapinq_worker.claiming.admission import Admission
from lapinq_worker.claiming.answering import pause_before_answer
from lapinq_worker.claiming.arrivals import Arrivals
from lapinq_worker.claiming.fire_and_forget import FireAndForget
from lapinq_worker.claiming.full_scans import FullScans
from lapinq_worker.claiming.prefetch import Prefetch
from lapinq_worker.claiming.queue_choice import QueueChoice, Turn
from lapinq_worker.claiming.unanswered import UnansweredClaims
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.functions import Functions
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job
from lapinq_worker.running.tally import Tally

TURN_DEADLINE_SECONDS = 20.0
BUSY_SCAN_INTERVAL_SECONDS = 0.25
STALL_SECONDS = 1.0
LEAST_STALL_SECONDS = 0.1
"""Tasks of a queue with a policy hold places that others could use, so they wait here only for a poll interval, but at
least so long."""
LEASE_MARGIN_SECONDS = 10.0
TURN_SECONDS = 1.0
"""After this time a turn asks no further queue, because tasks to release and hints are waiting."""
SHORTEST_PAUSE_SECONDS = 0.005
REST_FACTOR = 10.0
MAX_REST_SECONDS = 4.0
"""While notifications arrive, an idle worker waits this many times as long between two polls, up to this pause."""
RESTING_PEERS = 10
MAX_FLEET_REST_SECONDS = 10.0
"""More peers than this together poll only as often as this number would, until each has this pause."""
MORE_ANSWERS = 2
"""Number of workers that are notified by one that slept and whose first claim filled it up."""

log = logging.getLogger(__name__)


class Fetcher:
    """One event loop owns it. A turn::

        UnansweredClaims.ask      what claims took whose answer was lost
        worker_verbs.release      tasks that can't start here
        Prefetch.bounded          how many tasks are wanted
        FullScans.scan            when due, or when no queue seems to have work
        QueueChoice.next          which queues, and from which marks
        claiming.take…            ──▸ Arrivals.take_in ──▸ Dispatcher.offer
        Admission.admit           which of them may start whose name has a circuit breaker
        FireAndForget.claim       ──▸ the same
        sleep                     until `heard`, `wake` or `poll_interval`

    It asks for `worker_id` at each claim: a worker that was declared dead gets a new one.

    While `is_quiet` it claims nothing, and releases what has not started. It awaits `on_idle` between two claims when
    there was nothing to claim and no claimed task is left to start or end; `on_ended` gets jobs that can't start.
    `hears` says whether notifications arrive: then an idle worker waits `REST_FACTOR` times as long between two polls.
    By its `place` in the fleet it answers a notice immediately, later or not at all (`answering`). It scans only if its
    claim got more or fewer tasks than the notice announced, and never when it answers later: the next poll scans.
    `on_more` gets queues in which others find work, because this worker filled up or released tasks. `watched` are the
    task names with a circuit breaker.
    """

    def __init__(
        self,
        session: PinnedSession,
        choice: QueueChoice,
        dispatcher: Dispatcher,
        functions: Functions,
        host: Host,
        *,
        worker_id: Callable[[], str],
        poll_interval: float,
        may_claim: Callable[[], bool],
        is_quiet: Callable[[], bool],
        on_ended: Callable[[Job, Outcome, float], None],
        on_idle: Callable[[PinnedConnection, FullScans], Awaitable[None]] | None = None,
        hears: Callable[[], bool] = lambda: False,
        place: Callable[[], Place] = lambda: ALONE,
        on_more: Callable[[Iterable[str], int], None] = lambda _queues, _count: None,
        watched: Callable[[], frozenset[str]] = frozenset,
        tally: Tally | None = None,
    ) -> None:
        self._session = session
        self._choice = choice
        self._dispatcher = dispatcher
        self._worker_id = worker_id
        self._poll_interval = poll_interval
        self._governed_stall = min(STALL_SECONDS, max(poll_interval, LEAST_STALL_SECONDS))
        # Before a task's time limit begins to count it may wait for the import of its module, which has the worker's.
        limits = host.limits
        self._margin = limits.time_limit + limits.time_limit_grace + LEASE_MARGIN_SECONDS
        self._lease = limits.time_limit + self._margin
        self._may_claim = may_claim
        self._is_quiet = is_quiet
        self._hears = hears
        self._place = place
        self._on_more = on_more
        self._on_idle = on_idle
        self._tally = tally or Tally()
        self._busy_scan_interval = (
            min(BUSY_SCAN_INTERVAL_SECONDS, poll_interval) if choice.is_strict else BUSY_SCAN_INTERVAL_SECONDS
        )
        self._fire_and_forget = FireAndForget(poll_interval, in_order=choice.is_strict, hears=hears)
        self._prefetch = Prefetch()
        self._wake = asyncio.Event()
        self._arrivals = Arrivals(
            dispatcher,
            functions,
            host,
            worker_id=worker_id,
            on_ended=on_ended,
            on_refused=self._give_back,
            on_imported=self.wake,
        )
        self._full_scans = FullScans(choice)
        self._unanswered = UnansweredClaims()
        self._admission = Admission(watched, worker_id)
        self._saw_nothing = False  # the last scan found no queue with work, and no claim came back full since
        self._is_rested = False  # the last turn left places free
        self._poll_at = 0.0  # by time.monotonic, while it sleeps
        self._opens_at = math.inf  # when a rate or a closed limit lets the next task start, by time.monotonic
        self._hinted = 0.0  # how many tasks the hints for the next turn told of; inf: nobody knows
        self._looks_everywhere = False  # the next turn, whatever the hints told of
        self._is_backup = False  # the next turn only follows hints that others answer, too
        self._answer_later: asyncio.TimerHandle | None = None
        self._to_release: list[Claim] = []  # before the next claim
        self.claimed_count = 0

    def heard(self, payload: str) -> None:
        """NOTIFY: a queue got work (`ready_notices`); "" says that anything may have changed."""
        if not payload:
            self._full_scans.forget_cost()
            self._answer(math.inf)
            return
        notice = ready_notices.read(payload)
        pause = pause_before_answer(notice, self._place())
        if pause is None or not self._choice.heard(notice.queue):
            return
        if pause == 0.0:
            self._answer(notice.count if notice.is_counted else math.inf)
        elif self._answer_later is None:
            self._answer_later = asyncio.get_running_loop().call_later(pause, self._answer_as_backup)

    def _answer(self, count: float) -> None:
        self._is_backup = False
        self._hinted += count
        self._wake.set()

    def _answer_as_backup(self) -> None:
        self._answer_later = None
        if not self._wake.is_set():
            self._is_backup = True
            self._wake.set()

    def wake(self) -> None:
        """Ends the pause: there may be a place to fill."""
        self._is_backup = False
        self._looks_everywhere = True
        self._wake.set()

    def place_freed(self) -> None:
        """Ends the pause if a task may wait for a place."""
        if not (self._is_rested and self._saw_nothing) or self._on_idle:
            self.wake()

    @any_thread
    def unstarted(self) -> list[Claim]:
        """The claims that have not reached the dispatcher."""
        return [*self._to_release, *self._admission.unstarted(), *self._arrivals.unstarted()]

    def take_unstarted(self) -> list[Claim]:
        """Takes out `unstarted`, once `run` has ended."""
        unknown = [*self._admission.take_unstarted(), *self._arrivals.take_unstarted()]
        self._tally.released(unknown)
        claims = [*self._to_release, *unknown]
        self._to_release.clear()
        return claims

    @property
    def unanswered(self) -> list[str]:
        """The tokens of unanswered claims. `worker_verbs.reclaim` tells what they took."""
        return self._unanswered.tokens

    async def run(self, stop: asyncio.Event) -> None:
        """Claims until `stop` is set."""
        loop = Loop(
            "fetcher",
            self._turn,
            until=stop,
            wake=self._wake,
            deadline=TURN_DEADLINE_SECONDS,
            expected=is_away,
        )
        try:
            await loop.run()
        finally:
            self._arrivals.stop()
            await self._session.close()

    async def _turn(self) -> float:
        is_early = time.monotonic() < self._poll_at
        is_backup, self._is_backup = self._is_backup and is_early, False
        hinted, self._hinted = self._hinted, 0.0
        expected = hinted if hinted and is_early and not self._looks_everywhere else math.inf
        self._looks_everywhere, self._opens_at = False, math.inf
        if hinted and expected == math.inf:
            self._fire_and_forget.heard()
        try:
            async with self._session.use() as connection:
                wanted, got = await self._look(connection, expected, is_backup=is_backup)
        except BaseException:
            self._prefetch.failed()
            raise
        if wanted > 0 and got == 0:
            self._prefetch.idled()
        if got == 0 or self._wanted() <= 0 or (got < wanted and self._saw_nothing):
            self._take_stalled()
            if self._to_release:
                return 0.0
            self._is_rested = got < wanted
            if not is_backup and not got == expected < wanted:
                self._poll_at = min(
                    time.monotonic() + self._pause_after(wanted, got),
                    max(self._opens_at, time.monotonic() + SHORTEST_PAUSE_SECONDS),
                )
            return self._poll_at - time.monotonic()
        return 0.0

    async def _look(
        self, connection: PinnedConnection, expected: float, *, is_backup: bool
    ) -> tuple[int, int]:
        """How many tasks were wanted, and how many it got."""
        if self._unanswered:
            await self._reclaim_unanswered(connection)
        if self._to_release:
            await self._release(connection)
        if self._admission:
            await self._admit(connection)
        wanted = self._wanted()
        if wanted <= 0:
            got = 0
        elif is_backup:
            got = await self._follow_hints(connection, wanted)
        else:
            got = await self._claim(connection, wanted, expected)
        if self._on_idle and wanted > 0 and got == 0 and not self._has_claims:
            await self._on_idle(connection, self._full_scans)
        return wanted, got

    def _pause_after(self, wanted: int, got: int) -> float:
        if got >= wanted:
            return self._poll_interval
        if self._choice.has_open_hints:
            return min(self._poll_interval, self._full_scans.due_at - time.monotonic())
        rests = (
            self._saw_nothing
            and not self._choice.knows_work
            and self._fire_and_forget.rests
            and not self._dispatcher.waiting
            and not self._on_idle
            and self._hears()
        )
        if not rests:
            return self._poll_interval
        rest = min(self._poll_interval * REST_FACTOR, MAX_REST_SECONDS)
        rest = min(rest * max(1.0, self._place().peers / RESTING_PEERS), MAX_FLEET_REST_SECONDS)
        return max(self._poll_interval, rest * random.uniform(0.75, 1.25))  # noqa: S311  # the polls of a fleet

    @property
    def _has_claims(self) -> bool:
        return bool(
            self._dispatcher.in_hand
            or self._arrivals.waiting
            or self._to_release
            or self._unanswered
            or self._admission
        )

    def _wanted(self) -> int:
        ahead = self._prefetch.value
        self._dispatcher.low_water = self._dispatcher.limit + ahead // 2 - 1
        in_hand = self._dispatcher.in_hand + self._arrivals.waiting + len(self._admission)
        if in_hand > self._dispatcher.low_water or self._is_quiet() or not self._may_claim():
            return 0
        return self._prefetch.bounded(self._dispatcher.limit + ahead - in_hand)

    async def _follow_hints(self, connection: PinnedConnection, wanted: int) -> int:
        """Without a scan when a claim gets nothing: most likely another worker was there before."""
        got = 0
        ends = time.monotonic() + TURN_SECONDS
        self._choice.follow_hints()
        while got < wanted and (turns := self._next(connection, wanted - got)):
            got += await self._take_turns(connection, turns, wanted - got)
            if time.monotonic() >= ends:
                break
        self._choice.close_hints()
        if self._fire_and_forget.is_used and got < wanted:
            self._fire_and_forget.heard()
            got += await self._claim_transient(connection, self._choice.open_to_transient, wanted - got)
        return got

    async def _claim(self, connection: PinnedConnection, wanted: int, expected: float) -> int:
        got = 0
        ends = time.monotonic() + TURN_SECONDS
        scanned = (
            self._choice.knows_work
            and time.monotonic() > self._full_scans.routine_at + self._busy_scan_interval
        )
        if scanned:
            await self._scan(connection)
        self._choice.follow_hints()
        while got < wanted:
            turns = self._next(connection, wanted - got)
            if not turns:
                if scanned:
                    break
                if got == expected:
                    return got
                scanned, self._saw_nothing = True, self._saw_nothing and expected == math.inf
                await self._scan(connection)
                continue
            if before := self._choice.before(turns[0]):
                got += await self._claim_transient(connection, before, wanted - got)
            if got < wanted:
                got += await self._take_turns(connection, turns, wanted - got)
            if got >= wanted and self._is_rested:
                # Others may be asleep beside the rest of what came.
                self._is_rested = False
                if self._choice.knows_work and self._place().peers > 1:
                    self._on_more([turns[0].queue], MORE_ANSWERS)
            if time.monotonic() >= ends:
                break
        if expected < math.inf:
            self._fire_and_forget.heard()
        return got + await self._claim_transient(
            connection, self._choice.open_to_transient, max(1, wanted - got)
        )

    def _next(self, connection: PinnedConnection, wanted: int) -> list[Turn]:
        # What the pools use up in two round trips is soon done, whichever queue it comes from.
        return self._choice.next(wanted, self._prefetch.value, facts_of(connection).governed_until)

    async def _take_turns(self, connection: PinnedConnection, turns: list[Turn], wanted: int) -> int:
        """Claims up to `wanted` tasks; how many it got."""
        if len(turns) == 1:
            return await self._take_turn(connection, turns[0])
        if turns[0].queue not in facts_of(connection).governed_until:
            return await self._take_together(connection, turns, wanted)
        startable = await claiming.startable(connection, turns)
        blocked = [turn for turn in turns if turn.queue not in startable]
        for turn in blocked:
            self._choice.claimed(turn, [], mark=None, all_of_it=False)
        await self._look_behind(connection, blocked)
        got = 0
        ends = time.monotonic() + TURN_SECONDS
        for turn in turns:
            if turn.queue in startable:
                limit = min(turn.limit, wanted - got)
                got += await self._take_turn(connection, msgspec.structs.replace(turn, limit=limit))
                if got >= wanted or time.monotonic() >= ends:
                    break
        return got

    async def _take_turn(self, connection: PinnedConnection, turn: Turn) -> int:
        started = time.perf_counter()
        worker, token, isolated = self._worker_id(), str(uuid.uuid4()), self._isolated_places()
        self._unanswered.sent(token)
        taken = await claiming.take(
            connection,
            turn.queue,
            turn.limit,
            worker=worker,
            token=token,
            lease=self._lease,
            margin=self._margin,
            free=max(0, self._dispatcher.limit - self._dispatcher.in_hand - self._arrivals.waiting),
            isolated=isolated,
            mark=turn.mark,
            max_rank=turn.max_rank,
        )
        self._unanswered.answered(token)
        claims = taken.claims
        if taken.opens_in is not None:
            self._opens_at = min(self._opens_at, time.monotonic() + taken.opens_in)
        if not await self._take_in(connection, worker, claims, started):
            return 0
        # After as many isolated tasks as can start, more of others may wait behind those that can't.
        all_of_it = len(claims) >= turn.limit or 0 < isolated <= _isolated_of(claims)
        self._choice.claimed(turn, claims, mark=taken.mark, all_of_it=all_of_it)
        if all_of_it:
            self._saw_nothing = False
        elif claims:
            await asyncio.sleep(0)  # they start first, and then it looks for more
        await self._look_behind(connection, [turn])
        return len(claims)

    async def _take_together(self, connection: PinnedConnection, turns: list[Turn], wanted: int) -> int:
        started = time.perf_counter()
        worker, token, isolated = self._worker_id(), str(uuid.uuid4()), self._isolated_places()
        self._unanswered.sent(token)
        claims = await claiming.take_from_many(
            connection,
            turns,
            wanted,
            worker=worker,
            token=token,
            lease=self._lease,
            margin=self._margin,
            isolated=isolated,
            max_rank=turns[0].max_rank,
        )
        self._unanswered.answered(token)
        if not await self._take_in(connection, worker, claims, started):
            return 0
        has_enough = len(claims) >= wanted
        claims_of = by_queue(claims)
        is_cut = has_enough or 0 < isolated <= _isolated_of(claims)
        if has_enough:  # and asked no queue after the last of them
            turns = turns[: 1 + max(n for n, turn in enumerate(turns) if turn.queue in claims_of)]
        governed = facts_of(connection).governed_until
        turns = [turn for turn in turns if turn.queue not in governed]
        for turn in turns:
            of_turn = claims_of.get(turn.queue, [])
            mark = (of_turn[-1].rank, of_turn[-1].seq) if of_turn else None
            all_of_it = len(of_turn) >= turn.limit or (is_cut and (turn is turns[-1] or not has_enough))
            self._choice.claimed(turn, of_turn, mark=mark, all_of_it=all_of_it)
        if is_cut:
            self._saw_nothing = False
        elif claims:
            await asyncio.sleep(0)
        await self._look_behind(connection, turns)
        return len(claims)

    async def _take_in(
        self, connection: PinnedConnection, worker: str, claims: list[Claim], started: float
    ) -> bool:
        """Whether they are still ours: `worker` may have been declared dead since it sent the claim, at `started`."""
        if worker != self._worker_id():
            return False  # others rescue them
        self._hand_over(claims, time.perf_counter() - started)
        if self._admission:
            await self._admit(connection)
        if self._to_release:
            await self._release(connection)
        return True

    async def _look_behind(self, connection: PinnedConnection, turns: list[Turn]) -> None:
        """Whether more waits in the queues of these turns behind the rank at which they ended."""
        peek = {queue: mark for turn in turns for queue, mark in self._choice.peek_after(turn).items()}
        if peek:
            self._choice.peeked_after(turns[0], await worker_verbs.heads(connection, peek))

    async def _reclaim_unanswered(self, connection: PinnedConnection) -> None:
        for token in self._unanswered.due():
            worker = self._worker_id()
            claims = await self._unanswered.ask(connection, token, worker=worker)
            if worker != self._worker_id():
                return  # declared dead meanwhile: others rescue them
            self._hand_over(claims, 0.0)

    async def _scan(self, connection: PinnedConnection) -> None:
        if time.monotonic() >= self._full_scans.due_at:
            self._saw_nothing = await self._full_scans.scan(connection) == {}
        elif self._full_scans.has_failed and (marks := self._choice.marks):
            self._choice.peeked(await worker_verbs.heads(connection, marks))

    async def _claim_transient(
        self, connection: PinnedConnection, queues: list[str] | None, wanted: int
    ) -> int:
        started = time.monotonic()
        claims = await self._fire_and_forget.claim(connection, queues, wanted)
        if claims is None:
            return 0
        self._hand_over(claims, time.monotonic() - started)
        if claims:
            self._saw_nothing = False  # there may be more
        return len(claims)

    def _hand_over(self, claims: list[Claim], round_trip: float) -> None:
        self.claimed_count += len(claims)
        self._tally.claimed(claims)
        payload = sum(len(claim.args) + len(claim.kwargs) for claim in claims)
        self._prefetch.claimed(
            time.perf_counter(), round_trip, self._dispatcher.ended_count, payload, len(claims)
        )
        self._arrivals.take_in(self._admission.hold_back(claims, round_trip), round_trip)

    async def _admit(self, connection: PinnedConnection) -> None:
        admitted = await self._admission.admit(connection)
        self._tally.released(admitted.refused)
        self._arrivals.take_in(admitted.claims, admitted.round_trip)

    def _isolated_places(self) -> int:
        return max(0, self._dispatcher.isolated_places - _isolated_of(self.unstarted()))

    def _give_back(self, claims: list[Claim]) -> None:
        self._tally.released(claims)
        self._to_release += claims

    def _take_stalled(self) -> None:
        """Takes out prefetched tasks that can't start here, behind slow tasks or while quiet: they may elsewhere."""
        since_start = time.monotonic() - self._dispatcher.last_start
        takes_all = since_start >= STALL_SECONDS
        if self._is_quiet():
            takes_all = True
            self._to_release += self._arrivals.take_unstarted()
        elif since_start < self._governed_stall:
            return
        # A fire-and-forget task exists nowhere else.
        jobs = self._dispatcher.take_unstarted(
            lambda job: not job.claim.is_transient and (takes_all or job.claim.is_governed)
        )
        if jobs and not self._is_quiet():
            self._prefetch.stalled()
        self._give_back([job.claim for job in jobs])
        if self._to_release:
            log.info("releasing %d tasks that have not started", len(self._to_release))

    async def _release(self, connection: PinnedConnection) -> None:
        # Again until it succeeds: what neither runs nor is released would wait for its deadline.
        claims = self._to_release[:]
        queues = await worker_verbs.release(connection, claims)
        del self._to_release[: len(claims)]
        if queues:
            self._on_more(queues, math.ceil(len(claims) / len(queues)))


def _isolated_of(claims: Iterable[Claim]) -> int:
    return sum(claim.isolation >= Isolation.ISOLATED for claim in claims)

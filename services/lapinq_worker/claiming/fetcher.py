"""Claims tasks for the dispatcher.

It asks for as many as can start now and a measured few more, and claims again at once while claims come back full. With
nothing to claim it sleeps until a NOTIFY or a free slot wakes it, or until the next poll. A claim starts at the mark of
its queue; a full scan (`FullScans`) follows when all queues seem empty, and now and then while busy. `docs/claiming.md`
draws the protocol.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterable

from lapinq_core.db.errors import is_away
from lapinq_core.db.pinned_session import PinnedSession
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.runtime.loops import Loop
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.claim_facts import facts_of
from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming.claimer import TURN_SECONDS, Claimer
from lapinq_worker.claiming.fire_and_forget import FireAndForget
from lapinq_worker.claiming.full_scans import FullScans
from lapinq_worker.claiming.hints import Hints, Told
from lapinq_worker.claiming.inbox import Inbox
from lapinq_worker.claiming.member import Member
from lapinq_worker.claiming.polling import Polling
from lapinq_worker.claiming.queue_choice import QueueChoice

TURN_DEADLINE_SECONDS = 20.0
BUSY_SCAN_INTERVAL_SECONDS = 0.25
MORE_ANSWERS = 2
"""Number of workers that are notified by one that slept and whose first claim filled it up."""


class Fetcher:
    """One event loop owns it. A turn::

        Hints.take                what it was told of since the last turn
        Claimer.reclaim           what claims took whose answer was lost
        Inbox.pass_on             tasks that can't start here, or wait for a circuit breaker or for results
        Inbox.wanted              how many tasks are wanted
        FullScans.scan            when due, or when no queue seems to have work
        Claimer.blocked           in which queues, most likely, nothing can start here
        QueueChoice.next          which queues, and from which marks
        Claimer.claim             ──▸ Inbox.take_in ──▸ Arrivals.take_in ──▸ Dispatcher.offer
        FireAndForget.claim       ──▸ the same
        Polling                   when to look again, if no hint wakes it

    While the worker is quiet it claims nothing, and releases what has not started. It awaits `on_idle` between two
    claims when there was nothing to claim and no claimed task is left to start or end. `hears` says whether
    notifications arrive: then an idle worker polls rarely. It scans only if its claim got more or fewer tasks than the
    notice announced, and never as a backup: the next poll scans. `on_more` gets queues in which others find work,
    because this worker filled up.
    """

    def __init__(
        self,
        session: PinnedSession,
        choice: QueueChoice,
        hints: Hints,
        inbox: Inbox,
        polling: Polling,
        claimer: Claimer,
        member: Member,
        *,
        hears: Callable[[], bool],
        on_more: Callable[[Iterable[str], int], None],
        on_idle: Callable[[PinnedConnection, FullScans], Awaitable[None]] | None = None,
    ) -> None:
        self._session = session
        self._choice = choice
        self._hints = hints
        self._inbox = inbox
        self._polling = polling
        self._claimer = claimer
        self._member = member
        self._hears = hears
        self._on_more = on_more
        self._on_idle = on_idle
        self._full_scans = FullScans(choice)
        self._busy_scan_interval = (
            min(BUSY_SCAN_INTERVAL_SECONDS, polling.interval)
            if choice.is_strict
            else BUSY_SCAN_INTERVAL_SECONDS
        )
        self._fire_and_forget = FireAndForget(polling.interval, in_order=choice.is_strict, hears=hears)
        self._saw_nothing = False  # the last scan found no queue with work, and no claim came back full since
        self._need_place: Collection[
            str
        ] = ()  # what the last scan found, if all of it waits until something ends
        self._is_rested = False  # the last turn left places free

    def heard(self, payload: str) -> None:
        """NOTIFY: a queue got work (`ready_notices`); "" says that anything may have changed."""
        if not payload:
            self._full_scans.forget_cost()
        self._hints.heard(payload)

    def slot_freed(self) -> None:
        """Ends the pause if a task may wait for a slot."""
        rests = self._is_rested and (self._saw_nothing or self._need_place)
        if not rests or self._on_idle or self._inbox.waits_for_room:
            self._hints.look_everywhere()

    def ends_written(self) -> None:
        """Ends the pause if a task may wait for a place of a limit, which is free only now."""
        for queue in self._need_place:
            self._choice.heard(queue)
            self._hints.look_everywhere()

    async def run(self, stop: asyncio.Event) -> None:
        """Claims until `stop` is set."""
        loop = Loop(
            "fetcher",
            self._turn,
            until=stop,
            wake=self._hints.wake,
            deadline=TURN_DEADLINE_SECONDS,
            expected=is_away,
        )
        try:
            await loop.run()
        finally:
            self._inbox.stop()
            await self._session.close()

    async def _turn(self) -> float:
        told = self._hints.take(is_early=self._polling.is_early)
        self._polling.turn_begins()
        if told.has_hints and told.expected == math.inf:
            self._fire_and_forget.heard()
        try:
            async with self._session.use() as connection:
                wanted, got = await self._look(connection, told)
        except BaseException:
            self._inbox.prefetch.failed()
            raise
        if wanted > 0 and got == 0:
            self._inbox.prefetch.idled()
        if got > 0 and self._inbox.wanted() > 0 and not (got < wanted and self._saw_nothing):
            return 0.0
        self._inbox.take_stalled()
        if self._inbox.has_to_release:
            return 0.0
        self._is_rested = got < wanted
        if not told.is_backup and not got == told.expected < wanted:
            self._polling.poll_in(self._pause_after(wanted, got))
        return self._polling.due_in

    async def _look(self, connection: PinnedConnection, told: Told) -> tuple[int, int]:
        """How many tasks were wanted, and how many it got."""
        await self._claimer.reclaim(connection)
        await self._inbox.pass_on(connection)
        wanted = self._inbox.wanted()
        if wanted <= 0:
            got = 0
        elif told.is_backup:
            got = await self._follow_hints(connection, wanted)
        else:
            got = await self._search(connection, wanted, told.expected)
        if self._on_idle and wanted > 0 and got == 0 and not self._has_claims:
            await self._on_idle(connection, self._full_scans)
        return wanted, got

    async def _follow_hints(self, connection: PinnedConnection, wanted: int) -> int:
        """Without a scan when a claim gets nothing: most likely another worker was there before."""
        got = 0
        ends = time.monotonic() + TURN_SECONDS
        self._choice.follow_hints()
        while got < wanted and (asks := self._next(connection, wanted - got)):
            got += await self._claim(connection, asks, wanted - got)
            if time.monotonic() >= ends:
                break
        self._choice.close_hints()
        if self._fire_and_forget.is_used and got < wanted:
            self._fire_and_forget.heard()
            got += await self._claim_transient(connection, self._choice.open_to_transient, wanted - got)
        return got

    async def _search(self, connection: PinnedConnection, wanted: int, expected: float) -> int:
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
            asks = self._next(connection, wanted - got)
            if not asks:
                if scanned:
                    break
                if got == expected:
                    return got
                scanned, self._saw_nothing = True, self._saw_nothing and expected == math.inf
                await self._scan(connection)
                continue
            if before := self._choice.before(asks[0]):
                got += await self._claim_transient(connection, before, wanted - got)
            if got < wanted:
                got += await self._claim(connection, asks, wanted - got)
            if got >= wanted and self._is_rested:
                # Others may be asleep beside the rest of what came.
                self._is_rested = False
                if self._choice.knows_work and self._member.place.peers > 1:
                    self._on_more([asks[0].queue], MORE_ANSWERS)
            if time.monotonic() >= ends:
                break
        if expected < math.inf:
            self._fire_and_forget.heard()
        return got + await self._claim_transient(
            connection, self._choice.open_to_transient, max(1, wanted - got)
        )

    def _next(self, connection: PinnedConnection, wanted: int) -> list[Ask]:
        self._choice.leave_out(self._claimer.blocked)
        # What the pools use up in two round trips is soon done, whichever queue it comes from.
        return self._choice.next(wanted, self._inbox.prefetch.value, facts_of(connection).governed_until)

    async def _claim(self, connection: PinnedConnection, asks: list[Ask], wanted: int) -> int:
        got = await self._claimer.claim(connection, asks, wanted)
        if got.is_full:
            self._saw_nothing = False
        if not got.needs_place:
            self._need_place = ()
        return got.tasks

    async def _scan(self, connection: PinnedConnection) -> None:
        self._need_place = ()
        if time.monotonic() >= self._full_scans.due_at:
            found = await self._full_scans.scan(connection)
            self._saw_nothing = found == {}
            if found and not self._claimer.blocked:
                self._need_place = found
        elif self._full_scans.has_failed and (marks := self._choice.marks):
            self._choice.peeked(await worker_verbs.heads(connection, marks))

    async def _claim_transient(
        self, connection: PinnedConnection, queues: list[str] | None, wanted: int
    ) -> int:
        started = time.monotonic()
        claims = await self._fire_and_forget.claim(connection, queues, wanted)
        if claims is None:
            return 0
        self._inbox.take_in(claims, time.monotonic() - started)
        if claims:
            self._saw_nothing = False  # there may be more
        return len(claims)

    @property
    def _has_claims(self) -> bool:
        return bool(self._inbox.in_hand or self._inbox.has_to_release or self._claimer.has_unanswered)

    def _pause_after(self, wanted: int, got: int) -> float:
        if got >= wanted:
            return self._polling.interval
        if self._choice.has_open_hints:
            return min(self._polling.interval, self._full_scans.due_at - time.monotonic())
        rests = (
            (self._saw_nothing or self._need_place)
            and not self._choice.knows_work
            and self._fire_and_forget.rests
            and not self._inbox.is_full
            and not self._on_idle
            and self._hears()
        )
        if not rests:
            return self._polling.interval
        return self._polling.rest if self._saw_nothing else self._polling.rest_before_place

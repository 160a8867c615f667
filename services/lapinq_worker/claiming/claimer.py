"""Claims from the queues that `QueueChoice` names, and tells it what became of them."""

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import NamedTuple

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.tasks import backlog, claiming, worker_verbs
from lapinq_core.tasks.claim_facts import facts_of
from lapinq_core.tasks.claiming import Ask
from lapinq_worker.claiming.inbox import Inbox, isolated_of
from lapinq_worker.claiming.isolated_backlogs import IsolatedBacklogs
from lapinq_worker.claiming.member import Member
from lapinq_worker.claiming.polling import Polling
from lapinq_worker.claiming.queue_choice import QueueChoice
from lapinq_worker.claiming.unanswered import UnansweredClaims
from lapinq_worker.running.time_limits import Limits

LEASE_MARGIN_SECONDS = 10.0
TURN_SECONDS = 1.0
"""After this time a turn asks no further queue, because tasks to release and hints are waiting."""


class Got(NamedTuple):
    """How many tasks a claim brought.

    `is_full`: there may be more, because it got all that it asked for. `needs_place`: all that it found waits until
    something that runs ends, or somebody changes a rule.
    """

    tasks: int
    is_full: bool
    needs_place: bool = False


class Claimer:
    """It asks for the id of `member` at each claim, and drops what comes after the worker was declared dead."""

    def __init__(
        self,
        choice: QueueChoice,
        inbox: Inbox,
        member: Member,
        polling: Polling,
        unanswered: UnansweredClaims,
        limits: Limits,
    ) -> None:
        self._choice = choice
        self._inbox = inbox
        self._member = member
        self._polling = polling
        self._unanswered = unanswered
        self._backlogs = IsolatedBacklogs()
        # Before a task's time limit begins to count it may wait for the import of its module, which has the worker's.
        self._margin = limits.time_limit + limits.time_limit_grace + LEASE_MARGIN_SECONDS
        self._lease = limits.time_limit + self._margin

    @property
    def has_unanswered(self) -> bool:
        """Whether `reclaim` still has to ask what a claim took."""
        return bool(self._unanswered)

    @property
    def blocked(self) -> set[str]:
        """Queues in which, most likely, only tasks wait that must run alone, while no more of these can start."""
        return set() if self._inbox.free_isolated else self._backlogs.resting

    async def claim(self, connection: PinnedConnection, asks: Sequence[Ask], wanted: int) -> Got:
        """Claims up to `wanted` tasks."""
        if len(asks) == 1 or asks[0].queue not in facts_of(connection).governed_until:
            return await self._claim(connection, asks, wanted)
        # Each needs its own lock.
        held_back = await claiming.held_back(connection, asks)
        blocked = [ask for ask in asks if ask.queue in held_back]
        for ask in blocked:
            self._choice.claimed(ask, [], mark=None, all_of_it=False)
        await self._look_behind(connection, blocked)
        count, is_full, needs_place = 0, False, all(held_back.values())
        ends = time.monotonic() + TURN_SECONDS
        for ask in asks:
            if ask.queue not in held_back.keys() | self.blocked:
                got = await self._claim(connection, [ask], wanted - count)
                count += got.tasks
                is_full |= got.is_full
                needs_place &= got.needs_place
                if count >= wanted or time.monotonic() >= ends:
                    break
        return Got(count, is_full, needs_place)

    async def reclaim(self, connection: PinnedConnection) -> None:
        """Takes in what claims took whose answer was lost."""
        for token in self._unanswered.due():
            worker = self._member.id
            claims = await self._unanswered.ask(connection, token, worker=worker)
            if worker != self._member.id:
                return  # declared dead meanwhile: others rescue them
            self._inbox.take_in(claims, 0.0)

    async def _claim(self, connection: PinnedConnection, asks: Sequence[Ask], wanted: int) -> Got:
        """Of one queue, or of several without a policy."""
        started = time.perf_counter()
        worker, token, isolated = self._member.id, str(uuid.uuid4()), self._inbox.free_isolated
        asks = self._backlogs.bounded(asks, isolated)
        limit = min(wanted, sum(ask.limit for ask in asks))
        self._unanswered.sent(token)
        taken = await claiming.take(
            connection,
            asks,
            limit,
            worker=worker,
            token=token,
            lease=self._lease,
            margin=self._margin,
            free=self._inbox.free_slots,
            isolated=isolated,
        )
        self._unanswered.answered(token)
        took = time.perf_counter() - started
        if taken.opens_in is not None:
            self._polling.opens_in(taken.opens_in)
        if worker != self._member.id:
            return Got(0, is_full=False)  # declared dead meanwhile: others rescue them
        self._inbox.take_in(taken.claims, took)
        await self._inbox.pass_on(connection)
        has_enough = len(taken.claims) >= limit
        # After as many isolated tasks as can start, more of others may wait behind those that can't.
        is_full = has_enough or 0 < isolated <= isolated_of(taken.claims)
        if has_enough:  # and asked no queue after the last of them
            asks = asks[: 1 + max(n for n, ask in enumerate(asks) if ask.queue in taken.by_queue)]
        asks = [ask for ask in asks if ask.queue not in taken.left_out]
        short = list[Ask]()
        for ask in asks:
            claims = taken.by_queue.get(ask.queue, [])
            all_of_it = len(claims) >= ask.limit or (is_full and (ask is asks[-1] or not has_enough))
            self._choice.claimed(ask, claims, mark=taken.marks.get(ask.queue), all_of_it=all_of_it)
            if not all_of_it:
                short.append(ask)
        if taken.claims and not is_full:
            await asyncio.sleep(0)  # they start first, and then it looks for more
        if short and not isolated:
            marks = {ask.queue: ask.mark for ask in short}
            self._backlogs.walked(await backlog.isolated_first(connection, marks), took)
        await self._look_behind(connection, asks)
        return Got(len(taken.claims), is_full, taken.needs_place)

    async def _look_behind(self, connection: PinnedConnection, asks: Sequence[Ask]) -> None:
        """Whether more waits in these queues behind the rank at which the claim ended."""
        peek = {queue: mark for ask in asks for queue, mark in self._choice.peek_after(ask).items()}
        if peek:
            self._choice.peeked_after(asks[0], await worker_verbs.heads(connection, peek))

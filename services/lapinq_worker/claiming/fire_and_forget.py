"""When to ask for fire-and-forget tasks: after a hint, else by polling, and again while there are some."""

import time
from collections.abc import Callable, Sequence

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks import backlog, worker_verbs

REST_FACTOR = 10.0
UNUSED_FACTOR = 50.0
"""While notifications arrive and no such task waits, it waits this many times as long between two polls: the second
factor if there never was such a task."""


class FireAndForget:
    """The fetcher owns it. If it asks for two sets of queues, one of them contains the other."""

    def __init__(
        self, poll_interval: float, *, in_order: bool, hears: Callable[[], bool] = lambda: False
    ) -> None:
        """With `in_order` it takes from the queues in the order they are named. `hears` says whether notifications
        arrive."""
        self._poll_interval = poll_interval
        self._hears = hears
        self._in_order = in_order
        self._none_until: dict[int, float] = {}  # by the number of queues, 0 for all
        self._heard_count = 0
        self._got_some = False
        # Queues with a policy in which such tasks wait, as of the last claim.
        self._governed: Sequence[str] = ()
        self.rests = False  # none waits, as of the last look
        self.is_used = False  # this worker has seen such a task

    def heard(self) -> None:
        """A hint: there may be some."""
        self._none_until.clear()
        self._heard_count += 1

    async def claim(
        self, connection: PinnedConnection, queues: list[str] | None, limit: int
    ) -> list[Claim] | None:
        """Takes up to `limit` tasks of `queues` (None: of all); None when it is too early to ask again."""
        now = time.monotonic()
        count = len(queues or ())
        if any(now < until for held, until in self._none_until.items() if held >= count):
            return None
        heard_count = self._heard_count
        claims: list[Claim] = []
        some_wait = self._got_some or await backlog.has_transient(connection, queues)
        if some_wait:
            # Before the claim: if this failed after it, the claimed tasks would be lost.
            if governed := self._governed:
                self._governed = ()  # if it fails, the claim still has its turn
                await worker_verbs.adopt_transient(connection, governed)
            claims, self._governed = await worker_verbs.claim_transient(
                connection, queues, limit, in_order=self._in_order
            )
        self._got_some = bool(claims)
        self.is_used |= some_wait
        self.rests = not some_wait and self._hears()
        if not claims and heard_count == self._heard_count:
            # Nothing announces those that wait for their time, or for their queue.
            factor = (REST_FACTOR if self.is_used else UNUSED_FACTOR) if self.rests else 1.0
            self._none_until[count] = now + self._poll_interval * factor
        return claims

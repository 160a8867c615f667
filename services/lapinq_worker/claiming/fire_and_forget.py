"""When to ask for fire-and-forget tasks: after a hint, else once in `poll_interval`, and again while there are some."""

import time

from lapinq_core.db.pool import PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks import worker_verbs


class FireAndForget:
    """The fetcher owns it. Of any two sets of queues that it asks for, one contains the other."""

    def __init__(self, poll_interval: float, *, in_order: bool) -> None:
        """With `in_order` it takes from the queues in the order they are named."""
        self._poll_interval = poll_interval
        self._in_order = in_order
        self._none_until: dict[int, float] = {}  # by the number of queues, 0 for all
        self._heard_count = 0

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
        claims = await worker_verbs.claim_transient(connection, queues, limit, in_order=self._in_order)
        if not claims and heard_count == self._heard_count:
            self._none_until[count] = now + self._poll_interval
        return claims

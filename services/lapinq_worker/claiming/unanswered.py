"""Claims whose connection broke before the answer came.

Such a claim may take tasks until the server's time limit ends its statement. So the worker asks on its next connection
what the claim took, and if it finds nothing once more, when the statement has certainly ended.
"""

import time

from lapinq_core.db.pool import STATEMENT_TIMEOUT_SECONDS, PinnedConnection
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks import worker_verbs

ASK_AGAIN_SECONDS = STATEMENT_TIMEOUT_SECONDS + 5.0


class UnansweredClaims:
    """True while there are any."""

    def __init__(self) -> None:
        self._ask_at: dict[str, float] = {}  # by token, in the order they were sent

    def __bool__(self) -> bool:
        return bool(self._ask_at)

    @property
    def tokens(self) -> list[str]:
        """Their tokens. Any thread may ask."""
        return list(self._ask_at)

    def sent(self, token: str) -> None:
        """A claim with this token goes out."""
        self._ask_at[token] = 0.0

    def answered(self, token: str) -> None:
        """Its answer came."""
        del self._ask_at[token]

    def due(self) -> list[str]:
        """The tokens to `ask` for now."""
        now = time.monotonic()
        return [token for token, at in self._ask_at.items() if at <= now]

    async def ask(self, connection: PinnedConnection, token: str, *, worker: str) -> list[Claim]:
        """What the claim of `worker` with this token took."""
        is_last = self._ask_at[token] > 0.0
        claims = await worker_verbs.reclaim(connection, worker=worker, token=token)
        if claims or is_last:
            # It took all of them or none. Asking once more would start twice what runs by then.
            del self._ask_at[token]
        else:
            self._ask_at[token] = time.monotonic() + ASK_AGAIN_SECONDS
        return claims

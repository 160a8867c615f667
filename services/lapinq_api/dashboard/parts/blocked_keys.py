"""The keys that the policy of a queue blocks, on its page."""

import psycopg

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.limits import keys
from lapinq_core.limits.keys import KeyState, WaitingKeys
from lapinq_core.limits.policies import QueuePolicy

MAX_KEYS = 20


async def blocked_keys(conn: psycopg.AsyncConnection, queue: str, policy: QueuePolicy) -> WaitingKeys | None:
    """The first of them; None if the policy has no rule for keys."""
    if (
        policy.max_running_per_key is None
        and policy.rate_per_key is None
        and policy.order is not StartOrder.STRICT_PER_KEY
    ):
        return None
    return await keys.list_keys(conn, queue, KeyState.BLOCKED, MAX_KEYS)

"""The policy of a queue on its page: the values of the form that changes it, and the keys it blocks."""

import msgspec
import psycopg

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
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


def form_values(policy: QueuePolicy) -> str:
    """What the fields of the form have at first, by name, as JSON."""
    heaviest = sorted((policy.weights or {}).items(), key=lambda one: (-one[1], one[0]))
    weights = "\n".join(f"{key} = {weight:g}" for key, weight in heaviest)
    values = {
        "max_running": policy.max_running,
        "max_running_per_key": policy.max_running_per_key,
        "order": policy.order,
        "weights": weights,
        **_rate_values("rate", policy.rate),
        **_rate_values("rate_per_key", policy.rate_per_key),
    }
    return msgspec.json.encode(values).decode()


def _rate_values(name: str, rate: Rate | None) -> dict[str, float | None]:
    return {f"{name}.{field}": getattr(rate, field, None) for field in Rate.__struct_fields__}

"""The policy of a queue: set and shown. Claims apply it, `lapinq_core.tasks.claiming`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.rows import first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.breaker import Breaker
from lapinq_core.domain.limits.policy import Policy, StartOrder, check_order_of_weights
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits.breakers import get_breaker, put_breaker
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)
_OF_LANES = {"max_running_per_key", "rate_per_key", "order"}
"""They decide which lanes are open, and their place."""

_policy = msgspec.json.Decoder(Policy)


class QueuePolicy(msgspec.Struct, frozen=True):
    """A queue's policy, null where it has no rule, and its current use.

    `running_by_key` are the ten keys of which most tasks run. `tokens` are left of `rate`, with which as many tasks may
    start now; null without a rate. `next_start_at` is when the next task may start, if a rate holds back all that wait.
    `source` is the module that declares the policy.
    """

    max_running: int | None = None
    max_running_per_key: int | None = None
    rate: Rate | None = None
    rate_per_key: Rate | None = None
    order: StartOrder = StartOrder.PRIORITY
    weights: dict[str, float] | None = None
    running: int = 0
    running_by_key: dict[str, int] = {}
    tokens: float | None = None
    next_start_at: datetime | None = None
    breaker: Breaker | None = None
    source: str | None = None


_policy_now = msgspec.json.Decoder(QueuePolicy)


async def read(conn: psycopg.AsyncConnection, queue: str, running: int) -> QueuePolicy:
    """The policy of a queue of which `running` tasks run."""
    text = await first_value(conn, sql("read_policy"), {"queue": queue}, prepare=True)
    found = QueuePolicy() if text is None else _policy_now.decode(text)
    return msgspec.structs.replace(found, running=running, breaker=await get_breaker(conn, "queue", queue))


async def change(
    conn: psycopg.AsyncConnection, queue: str, changes: Mapping[str, Any], *, by: Author
) -> None:
    """Sets the fields of `Policy` that are given, and the circuit breaker if it is.

    No audit entry is written if nothing changes. It holds for all claims after the commit; running tasks are not
    affected. The caller then wakes workers. Raises `InvalidValue` for weights without fair order.
    """
    async with conn.transaction():
        await put(conn, queue, changes, by=by)
    await raise_fence(conn, queue)


async def put(conn: psycopg.AsyncConnection, queue: str, changes: Mapping[str, Any], *, by: Author) -> None:
    """As `change`, in the caller's transaction. After its commit, the caller raises the fence."""
    before = _policy.decode(await first_value(conn, sql("lock_policy"), {"queue": queue}))
    check_order_of_weights(changes.get("weights"), changes.get("order", before.order))
    breaker = await _put_breaker(conn, queue, changes)
    changed = {
        name: value for name, value in changes.items() if name != "breaker" and getattr(before, name) != value
    }
    if not changed:
        if breaker:
            await audit.record(conn, by.did("queue.set", queue, breaker))
        return
    after: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(before, **changed))
    params = {
        **{name: _stored(value) for name, value in after.items()},
        "queue": queue,
        "are_stale": not _OF_LANES.isdisjoint(changed),
        "is_first": before == Policy(weights=before.weights),
    }
    await conn.execute(sql("set_policy"), params)
    await audit.record(
        conn, by.did("queue.set", queue, {**{name: after[name] for name in changed}, **breaker})
    )


async def raise_fence(conn: psycopg.AsyncConnection, queue: str) -> None:
    """After the commit of a policy: its claims wait for those that may not know it."""
    await conn.execute(sql("raise_fence_of_queue"), {"queue": queue})


async def _put_breaker(
    conn: psycopg.AsyncConnection, queue: str, changes: Mapping[str, Any]
) -> dict[str, Any]:
    """What the audit says about it; nothing if it stays as it is."""
    if "breaker" not in changes or not await put_breaker(conn, "queue", queue, changes["breaker"]):
        return {}
    return {"breaker": msgspec.to_builtins(changes["breaker"])}


def _stored(value: object) -> object:
    """The parameter of the statement: objects as JSON."""
    return msgspec.json.encode(value).decode() if isinstance(value, dict) else value

"""The circuit breakers of queues: set, read, closed by hand. Claims judge them (`judge_breaker.sql`), and maintenance.

A queue with a breaker is governed: its claims hold the lock of its row. In that lock they note the attempts they start,
and before that they look how those noted earlier ended: they run no longer, and their history says how. Nothing has to
be counted where attempts end, so the ends of other queues cost nothing, and a count is lost with no process.
"""

import psycopg

from lapinq_core.db.statements import sql
from lapinq_core.domain.limits.breaker import Breaker, BreakerRule, BreakerState, why_open
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

_PACKAGE = "lapinq_core.limits"


async def put_breaker(conn: psycopg.AsyncConnection, queue: str, rule: BreakerRule | None) -> bool:
    """Gives the queue a breaker that opens by `rule`, or takes it away; whether that changes anything.

    In the caller's transaction, which then wakes workers.
    """
    params = {"queue": queue}
    await conn.execute(sql("lapinq_core.tasks", "lock_queue"), params)
    if rule is None:
        cursor = await conn.execute(sql(_PACKAGE, "remove_breaker"), params)
    else:
        cursor = await conn.execute(
            sql(_PACKAGE, "put_breaker"),
            {
                "queue": queue,
                "failures_in_row": rule.failures_in_row,
                "failure_share": rule.failure_share,
                "window_seconds": rule.window_seconds,
                "least_attempts": rule.least_attempts,
                "retry_after_seconds": rule.retry_after_seconds,
            },
        )
    return await cursor.fetchone() is not None


async def get_breaker(conn: psycopg.AsyncConnection, queue: str) -> Breaker | None:
    """The queue's breaker, if it has one."""
    row = await (await conn.execute(sql(_PACKAGE, "get_breaker"), {"queue": queue}, prepare=True)).fetchone()
    if row is None:
        return None
    in_row, share, window, least, retry_after, state, since, failures, attempts, opened_at, tries_at, *ids = (
        row
    )
    breaker = Breaker(
        failures_in_row=in_row,
        failure_share=share,
        window_seconds=window,
        least_attempts=least,
        retry_after_seconds=retry_after,
        state=BreakerState(state),
        since=since,
    )
    if breaker.state is BreakerState.CLOSED:
        return breaker
    failed, probe = ids
    return Breaker(
        **{name: getattr(breaker, name) for name in breaker.__struct_fields__[:7]},
        why=why_open(failures, attempts, window),
        opened_at=opened_at,
        next_try_at=tries_at if breaker.state is BreakerState.OPEN else None,
        failed_task_id=failed,
        probe_task_id=probe,
    )


async def close_breaker(conn: psycopg.AsyncConnection, queue: str, *, by: Author) -> bool:
    """Lets the queue's tasks start again; whether its breaker was not closed. The caller wakes workers."""
    params = {"queue": queue}
    async with conn.transaction():
        await conn.execute(sql("lapinq_core.tasks", "lock_queue"), params)
        cursor = await conn.execute(sql(_PACKAGE, "close_breaker"), params)
        was_open = await cursor.fetchone() is not None
        if was_open:
            await audit.record(conn, by.did("queue.close_breaker", queue))
    return was_open

"""The circuit breakers of queues: set, read, closed by hand. Claims judge them (`judge_breaker.sql`), and maintenance.

A queue with a breaker is governed: its claims hold the lock of its row. In that lock they note the attempts they start,
and before that they look how those noted earlier ended: they run no longer, and their history says how. Nothing has to
be counted where attempts end, so the ends of other queues cost nothing, and a count is lost with no process.
"""

from datetime import datetime

import msgspec
import psycopg

from lapinq_core.db.rows import maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.breaker import Breaker, BreakerRule, BreakerState, why_open
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)


async def put_breaker(conn: psycopg.AsyncConnection, queue: str, rule: BreakerRule | None) -> bool:
    """Gives the queue a breaker that opens by `rule`, or takes it away; whether that changes anything.

    In the caller's transaction, which then wakes workers.
    """
    params = {"queue": queue}
    await conn.execute(sql("lock_queue"), params)
    if rule is None:
        return await maybe_row(conn, sql("remove_breaker"), params) is not None
    params |= msgspec.structs.asdict(rule)
    return await maybe_row(conn, sql("put_breaker"), params) is not None


async def get_breaker(conn: psycopg.AsyncConnection, queue: str) -> Breaker | None:
    """The queue's breaker, if it has one."""
    row = await maybe_row(conn, sql("get_breaker"), {"queue": queue}, prepare=True)
    return None if row is None else read_breaker(*row)


def read_breaker(
    in_row: int | None,
    share: float | None,
    window: float,
    least: int,
    retry_after: float,
    state: str,
    since: datetime,
    failures: int,
    attempts: int | None,
    opened_at: datetime,
    tries_at: datetime,
    failed: str | None,
    probe: str | None,
) -> Breaker:
    """A breaker from the columns of `get_breaker`. While it is closed, they may tell of the last time it was open."""
    is_closed = state == BreakerState.CLOSED
    return Breaker(
        failures_in_row=in_row,
        failure_share=share,
        window_seconds=window,
        least_attempts=least,
        retry_after_seconds=retry_after,
        state=BreakerState(state),
        since=since,
        why=None if is_closed else why_open(failures, attempts, window),
        failures=None if is_closed else failures,
        attempts=None if is_closed else attempts,
        opened_at=None if is_closed else opened_at,
        next_try_at=tries_at if state == BreakerState.OPEN else None,
        failed_task_id=None if is_closed else failed,
        probe_task_id=None if is_closed else probe,
    )


async def close_breaker(conn: psycopg.AsyncConnection, queue: str, *, by: Author) -> bool:
    """Lets the queue's tasks start again; whether its breaker was not closed. The caller wakes workers."""
    params = {"queue": queue}
    async with conn.transaction():
        await conn.execute(sql("lock_queue"), params)
        was_open = await maybe_row(conn, sql("close_breaker"), params) is not None
        if was_open:
            await audit.record(conn, by.did("queue.close_breaker", queue))
    return was_open

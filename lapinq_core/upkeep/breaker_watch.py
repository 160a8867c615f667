"""Judges circuit breakers while no worker claims from their queues, and tells whom it concerns. Safe to run twice."""

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.statements import sql
from lapinq_core.domain.notifying.news import BreakerNews
from lapinq_core.limits import governed_claims
from lapinq_core.notifying.outbox import store_news
from lapinq_core.upkeep.rescuing import SEARCH_SETTINGS

_PACKAGE = "lapinq_core.upkeep"

MAX_QUEUES = 1000
RECENT_SECONDS = 3.0
"""Workers hear for so long that a breaker lets tasks start again: a claim may have closed it, and tells nobody."""


async def watch_breakers(conn: PooledConnection, *, recent: float = RECENT_SECONDS) -> list[str]:
    """Judges each breaker that has something to count, to do or to tell, in a transaction of its own.

    Answers the queues whose tasks may start again.
    """
    params = {"most": MAX_QUEUES, "recent": recent}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        cursor = await conn.execute(sql(_PACKAGE, "busy_breakers"), params)
        queues = [queue for (queue,) in await cursor.fetchall()]
    return [queue for queue in queues if await _judge(conn, queue, recent)]


async def _judge(conn: PooledConnection, queue: str, recent: float) -> bool:
    params = {"queue": queue, "rest": 0.0, "recent": recent}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        await conn.execute(sql("lapinq_core.tasks", "lock_queue"), params)
        await conn.execute(governed_claims.JUDGE_BREAKER, params)
        row = await (await conn.execute(sql(_PACKAGE, "tell_breaker"), params)).fetchone()
        if row is None:
            return False  # removed meanwhile
        is_news, state, failures, attempts, window, opened_at, tries_at, failed_task, may_start = row
        if is_news:
            news = BreakerNews(
                queue_name=queue,
                state=state,
                failures=failures,
                attempts=attempts,
                window_seconds=window,
                opened_at=opened_at,
                next_try_at=tries_at if state == "open" else None,
                failed_task_id=failed_task,
            )
            await store_news(conn, [news])
    return may_start

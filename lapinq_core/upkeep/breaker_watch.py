"""Opens and closes circuit breakers while no worker claims, sends notices, and makes parked tasks ready or delays them
further. Safe to run twice.

Each transaction leaves something whole: a process that is killed between two of them leaves the rest to the next turn.
So does one that finds the row of a queue or a breaker locked for long: it goes on with the others.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from psycopg import errors as pg
from psycopg import sql as psql

from lapinq_core.alerts.outbox import store_news
from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows, first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.alerts.news import BreakerNews
from lapinq_core.limits import governed_claims, task_breakers
from lapinq_core.upkeep.rescuing import SEARCH_SETTINGS

sql = sql_of(__name__)

MAX_QUEUES = 1000
PASS_LIMIT = 500
"""Maximum number of parked tasks that are moved in one transaction."""
RELEASE_SECONDS = 1.0
"""Maximum time in a turn for the parked tasks of one name. The next turn follows immediately and continues."""
PROBE_PATIENCE_SECONDS = 10.0
"""If a parked task that may become the probe is not claimed within this time, another one is tried."""
RECENT_SECONDS = 3.0
"""How long workers are told that a breaker has closed: a claim that closed it tells nobody."""
_JUDGE_SETTINGS = psql.SQL("{}; SET LOCAL lock_timeout = '500ms'").format(SEARCH_SETTINGS)


class Watched(NamedTuple):
    """The queues whose tasks may start again or that got tasks, whether more may follow, and whether a breaker was
    busy: had something to count, to do or to tell."""

    queues: list[str]
    has_more: bool
    was_busy: bool


async def watch_breakers(conn: PooledConnection, *, recent: float = RECENT_SECONDS) -> Watched:
    """Judges each breaker that is busy, in a transaction of its own."""
    params = {"most": MAX_QUEUES, "recent": recent}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        queues = [queue for (queue,) in await all_rows(conn, sql("busy_breakers"), params)]
    startable = [queue for queue in queues if await _judge(conn, queue, recent)]
    return Watched(startable, has_more=False, was_busy=bool(queues))


async def _judge(conn: PooledConnection, queue: str, recent: float) -> bool:
    params = {"queue": queue, "rest": 0.0, "recent": recent}
    with suppress(pg.LockNotAvailable):
        async with conn.transaction():
            await conn.execute(_JUDGE_SETTINGS)
            await conn.execute(governed_claims.LOCK_QUEUE, params)
            await conn.execute(governed_claims.JUDGE_BREAKER, params)
            row = await maybe_row(conn, sql("tell_breaker"), params)
            if row is None:
                return False  # removed meanwhile
            *facts, may_start = row
            await _tell(conn, facts, queue=queue)
            return may_start
    return False


async def watch_task_breakers(conn: PooledConnection) -> Watched:
    """The same for breakers of task names: also lets a parked task go as the probe, and all of them once it is closed
    or removed. Those that stay it puts off before they are due."""
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        tasks = [task for (task,) in await all_rows(conn, sql("busy_task_breakers"), {"most": MAX_QUEUES})]
    queues: set[str] = set()
    has_more = False
    for task in tasks:
        queues.update(await _judge_task(conn, task))
        until = time.monotonic() + RELEASE_SECONDS
        is_full = True
        while is_full and time.monotonic() < until:
            moved, of_queues = await release_parked(conn, task)
            queues.update(of_queues)
            is_full = moved == PASS_LIMIT
        has_more |= is_full
    if tasks:
        has_more |= await put_off_parked(conn)
    return Watched(sorted(queues), has_more, was_busy=bool(tasks))


async def release_parked(conn: PooledConnection, task: str) -> tuple[int, list[str]]:
    """Lets some parked tasks of the name go, unless its breaker is not closed; how many, and their queues."""
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        return await one_row(conn, sql("release_parked"), {"task": task, "limit": PASS_LIMIT})


async def put_off_parked(conn: PooledConnection) -> bool:
    """Puts parked tasks off that would be due within a minute; whether there may be more."""
    until = time.monotonic() + RELEASE_SECONDS
    while time.monotonic() < until:
        async with conn.transaction():
            await conn.execute(SEARCH_SETTINGS)
            number = await first_value(conn, sql("put_off_parked"), {"limit": PASS_LIMIT})
        if number < PASS_LIMIT:
            return False
    return True


async def _judge_task(conn: PooledConnection, task: str) -> list[str]:
    params = {"task": task, "rest": 0.0, "recent": RECENT_SECONDS, "patience": PROBE_PATIENCE_SECONDS}
    with suppress(pg.LockNotAvailable):
        async with conn.transaction():
            await conn.execute(_JUDGE_SETTINGS)
            await conn.execute(task_breakers.LOCK, params)
            await conn.execute(task_breakers.JUDGE, params)
            row = await maybe_row(conn, _TELL_OF_TASK, params)
            if row is None:
                return []  # it was removed
            *facts, _ = row
            await _tell(conn, facts, task=task)
            return await first_value(conn, sql("let_probes_go"), params)
    return []


async def _tell(
    conn: PooledConnection, facts: Sequence[Any], *, queue: str = "", task: str | None = None
) -> None:
    is_news, state, failures, attempts, window, opened_at, tries_at, failed_task = facts
    if is_news:
        news = BreakerNews(
            queue_name=queue,
            task_name=task,
            state=state,
            failures=failures,
            attempts=attempts,
            window_seconds=window,
            opened_at=opened_at,
            next_try_at=tries_at if state == "open" else None,
            failed_task_id=failed_task,
        )
        await store_news(conn, [news])


_TELL_OF_TASK = task_breakers.of_tasks(sql("tell_breaker"))

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
from lapinq_core.limits import breakers
from lapinq_core.limits.breakers import Kind
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
_SETTINGS = psql.SQL("{}; SET LOCAL lock_timeout = '500ms'").format(SEARCH_SETTINGS)


class Watched(NamedTuple):
    """The queues whose tasks may start again or that got tasks, whether more may follow, and whether a breaker was
    busy: had something to count, to do or to tell."""

    queues: list[str]
    has_more: bool
    was_busy: bool


async def watch_breakers(conn: PooledConnection, kind: Kind, *, recent: float = RECENT_SECONDS) -> Watched:
    """Judges each breaker of queues or of task names that is busy, in a transaction of its own.

    Of a task name it also lets a parked task go as the probe, and all of them once the breaker is closed or removed.
    Those that stay it puts off before they are due.
    """
    params = {"kind": kind, "most": MAX_QUEUES, "recent": recent}
    async with conn.transaction():
        await conn.execute(SEARCH_SETTINGS)
        names = [name for (name,) in await all_rows(conn, sql("busy_breakers"), params)]
    queues: set[str] = set()
    has_more = False
    for name in names:
        with suppress(pg.LockNotAvailable):
            may_start = await _judge(conn, kind, name, recent)
            if kind == "queue" and may_start:
                queues.add(name)
            until = time.monotonic() + RELEASE_SECONDS
            is_full = kind == "task"
            while is_full and time.monotonic() < until:
                moved, of_queues = await release_parked(conn, name)
                queues.update(of_queues)
                is_full = moved == PASS_LIMIT
            has_more |= is_full
    if kind == "task" and names:
        has_more |= await put_off_parked(conn)
    return Watched(sorted(queues), has_more, was_busy=bool(names))


async def release_parked(conn: PooledConnection, task: str) -> tuple[int, list[str]]:
    """Lets some parked tasks of the name go if its breaker is closed or wants a probe; how many, and their queues."""
    params = {"task": task, "limit": PASS_LIMIT, "patience": PROBE_PATIENCE_SECONDS}
    async with conn.transaction():
        await conn.execute(_SETTINGS)
        return await one_row(conn, sql("release_parked"), params)


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


async def _judge(conn: PooledConnection, kind: Kind, name: str, recent: float) -> bool:
    """Whether workers have to hear that tasks may start again."""
    params = {**breakers.of(kind, name), "rest": 0.0, "recent": recent}
    async with conn.transaction():
        await conn.execute(_SETTINGS)
        await conn.execute(breakers.LOCKS[kind], params)
        await conn.execute(breakers.JUDGE, params)
        row = await maybe_row(conn, sql("tell_breaker"), params)
        if row is None:
            return False  # removed meanwhile
        is_news, may_start, *facts = row
        if is_news:
            await store_news(conn, [_news(kind, name, facts)])
        return may_start


def _news(kind: Kind, name: str, facts: Sequence[Any]) -> BreakerNews:
    state, failures, attempts, window, opened_at, tries_at, failed_task = facts
    return BreakerNews(
        queue_name=name if kind == "queue" else "",
        task_name=name if kind == "task" else None,
        state=state,
        failures=failures,
        attempts=attempts,
        window_seconds=window,
        opened_at=opened_at,
        next_try_at=tries_at if state == "open" else None,
        failed_task_id=failed_task,
    )

"""The circuit breakers of task names: set, read, closed by hand. Workers admit tasks by them, maintenance judges them.

Claims know no names. So workers know the names that have a breaker (`Membership.watched`), and ask for each claimed
task of such a name whether it may start: `admit` judges the breaker as claims do with that of a queue, notes what
starts, and parks the rest. A parked task is delayed until the breaker lets it go, so that each is claimed in vain at
most once while it is open, however long its queue is.
"""

from collections.abc import Sequence
from typing import Literal, LiteralString

import msgspec
import psycopg

from lapinq_core.db.arrays import uuid_array
from lapinq_core.db.channels import BREAKERS_CHANNEL
from lapinq_core.db.one_message import in_one_message
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.limits.breaker import Breaker, BreakerRule
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.limits.breakers import read_breaker
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)
_HASH_JOINS = "SET LOCAL enable_hashjoin = on"  # as for the claims of queues with a policy
_JUDGE_SECONDS = 0.02

MAX_PARKED = 10_000
"""Maximum number of parked tasks that are counted."""
MAX_BREAKERS = 1000
_NOTIFY = "SELECT pg_notify(%s, %s)"


class TooManyBreakers(LapinqError):
    """There are as many circuit breakers of task names as there may be."""


class NamedBreaker(Breaker, frozen=True, kw_only=True):
    """The circuit breaker of a queue or a task name, `kind` says which. `parked` tasks wait for that of a task name;
    they are counted up to 10,000. `source` is the module that declares it."""

    kind: Literal["queue", "task"]
    name: str
    parked: int
    source: str | None


def of_tasks(statement: LiteralString) -> LiteralString:
    """The statement about breakers of queues, for those of task names: their tables have the same columns."""
    return (
        statement.replace("lapinq_breaker", "lapinq_task_breaker")
        .replace("queue_name", "task_name")
        .replace("%(queue)s", "%(task)s")
        .replace("_breaker */", "_breaker_of_task */")
    )


LOCK = sql("lock_task_breaker")
JUDGE = of_tasks(sql("judge_breaker"))
_GET = of_tasks(sql("get_breaker"))
_CLOSE = of_tasks(sql("close_breaker"))


async def list_breakers(conn: psycopg.AsyncConnection) -> list[NamedBreaker]:
    """Those of queues and of task names, each by name."""
    return await _named(conn, None)


async def get_named_breaker(conn: psycopg.AsyncConnection, task: str) -> NamedBreaker | None:
    """The breaker of the task name, if it has one."""
    return next(iter(await _named(conn, task)), None)


async def _named(conn: psycopg.AsyncConnection, task: str | None) -> list[NamedBreaker]:
    params = {"task": task, "most": MAX_PARKED}
    rows = await all_rows(conn, sql("list_breakers"), params)
    return [
        NamedBreaker(
            kind=kind,
            name=name,
            parked=parked,
            source=source,
            **msgspec.structs.asdict(read_breaker(*columns)),
        )
        for kind, name, parked, source, *columns in rows
    ]


async def put_breaker(conn: psycopg.AsyncConnection, task: str, rule: BreakerRule, *, by: Author) -> bool:
    """Gives the task name a breaker that opens by `rule`; whether that changes anything. Wakes workers, which learn of
    it. Raises `TooManyBreakers`."""
    async with conn.transaction():
        if await first_value(conn, sql("count_task_breakers"), {"task": task}) >= MAX_BREAKERS:
            raise TooManyBreakers(f"there are {MAX_BREAKERS:,} circuit breakers of task names already")
        params = {"task": task, **msgspec.structs.asdict(rule)}
        has_changed = await maybe_row(conn, sql("put_task_breaker"), params) is not None
        if has_changed:
            await audit.record(conn, by.did("breaker.set", task, msgspec.to_builtins(rule)))
            await conn.execute(_NOTIFY, (BREAKERS_CHANNEL, task))
    return has_changed


async def remove_breaker(conn: psycopg.AsyncConnection, task: str, *, by: Author) -> bool:
    """Takes the breaker away; whether there was one. Its parked tasks go on within a second."""
    params = {"task": task}
    async with conn.transaction():
        await conn.execute(LOCK, params)
        was_there = await maybe_row(conn, sql("remove_task_breaker"), params) is not None
        if was_there:
            await audit.record(conn, by.did("breaker.remove", task))
            await conn.execute(_NOTIFY, (BREAKERS_CHANNEL, task))
    return was_there


async def close_breaker(conn: psycopg.AsyncConnection, task: str, *, by: Author) -> bool:
    """Lets the tasks start again; whether the breaker was not closed. Its parked tasks go on within a second."""
    params = {"task": task}
    async with conn.transaction():
        await conn.execute(LOCK, params)
        was_open = await maybe_row(conn, _CLOSE, params) is not None
        if was_open:
            await audit.record(conn, by.did("breaker.close", task))
    return was_open


async def get_breaker(conn: psycopg.AsyncConnection, task: str) -> Breaker | None:
    """The breaker of the task name, if it has one."""
    row = await maybe_row(conn, _GET, {"task": task}, prepare=True)
    return None if row is None else read_breaker(*row)


async def admit(
    conn: PinnedConnection, task: str, claims: Sequence[Claim], *, again: bool = False
) -> set[str]:
    """Which of the claimed tasks of this name may start. The others are parked, or no longer held by their tokens.

    If the answer is lost, call it once more with `again`.
    """
    params = {
        "task": task,
        "rest": _JUDGE_SECONDS,
        "ids": uuid_array([claim.id for claim in claims]),
        "tokens": uuid_array([claim.token for claim in claims]),
        "seqs": [claim.seq for claim in claims],
        "again": again,
    }
    cursor = await in_one_message(conn, (_HASH_JOINS, LOCK, JUDGE, sql("admit")), params)
    row = await cursor.fetchone()
    assert row is not None
    return set(row[0])

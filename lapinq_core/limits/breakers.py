"""The circuit breakers of queues and of task names: set, read, closed by hand, asked.

A worker that starts tasks first judges the breaker (`judge_breaker.sql`), under its lock. Attempts are noted when they
start; how those ended that run no longer, their history says. So nothing has to be counted where attempts end: the ends
of other tasks cost nothing, and a killed process loses no count. Maintenance judges, too.

A queue with a breaker is governed: its claims hold the lock of its row, and note what they start. Claims know no task
names. So workers know those that have a breaker (`Membership.watched`), and `admit` says for each claimed task of such
a name whether it may start: it notes what starts, and parks the rest. A parked task is delayed until the breaker lets
it go, so that each is claimed in vain at most once while it is open, however long its queue is.
"""

from collections.abc import Sequence
from typing import Any, Literal, LiteralString

import msgspec
import psycopg

from lapinq_core.db.arrays import uuid_array
from lapinq_core.db.notify.channels import BREAKERS_CHANNEL
from lapinq_core.db.one_message import in_one_message
from lapinq_core.db.pool import PinnedConnection
from lapinq_core.db.rows import all_rows, first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.limits.breaker import Breaker, BreakerRule, BreakerState, why_open
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)
_HASH_JOINS = "SET LOCAL enable_hashjoin = on"  # as for the claims of queues with a policy
_JUDGE_SECONDS = 0.02

MAX_PARKED = 10_000
"""Maximum number of parked tasks that are counted."""
MAX_BREAKERS = 1000
"""Of task names."""
_NOTIFY = "SELECT pg_notify(%s, %s)"

Kind = Literal["queue", "task"]
"""Whose breaker it is: that of a queue or of a task name. Both may have the same name."""

LOCKS: dict[Kind, LiteralString] = {"queue": sql("lock_queue"), "task": sql("lock_task_breaker")}
JUDGE = sql("judge_breaker")


class TooManyBreakers(LapinqError):
    """There are as many circuit breakers of task names as there may be."""


class NamedBreaker(Breaker, frozen=True, kw_only=True):
    """The circuit breaker of a queue or a task name, `kind` says which. `parked` tasks wait for that of a task name;
    they are counted up to 10,000. `source` is the module that declares it."""

    kind: Kind
    name: str
    parked: int
    source: str | None


def of(kind: Kind, name: str) -> dict[str, Any]:
    """The parameters of statements about this breaker; those about one kind alone call the name `queue` or `task`."""
    return {"kind": kind, "name": name, kind: name}


async def list_breakers(conn: psycopg.AsyncConnection) -> list[NamedBreaker]:
    """Those of queues and of task names, each by name."""
    return await _list(conn, {"kind": None, "name": None})


async def get_named_breaker(conn: psycopg.AsyncConnection, task: str) -> NamedBreaker | None:
    """The breaker of the task name, if it has one."""
    return next(iter(await _list(conn, of("task", task))), None)


async def get_breaker(conn: psycopg.AsyncConnection, kind: Kind, name: str) -> Breaker | None:
    """The breaker of the queue or task name, if it has one."""
    row = await maybe_row(conn, sql("get_breaker"), of(kind, name), prepare=True)
    return None if row is None else Breaker(**_fields(row))


async def put_breaker(conn: psycopg.AsyncConnection, kind: Kind, name: str, rule: BreakerRule | None) -> bool:
    """Gives the queue or task name a breaker that opens by `rule`, or takes it away; whether that changes anything.

    In the caller's transaction, which then wakes workers. What was parked goes on within a second after a removal.
    """
    params = of(kind, name)
    if kind == "task":
        await conn.execute(sql("lock_setting"))
    await conn.execute(LOCKS[kind], params)
    if rule is None:
        changed = await maybe_row(conn, sql("remove_breaker"), params)
    else:
        changed = await maybe_row(conn, sql("put_breaker"), params | msgspec.structs.asdict(rule))
    if kind == "queue":
        await conn.execute(sql("govern_queue"), params | {"has_breaker": rule is not None})
    return changed is not None


async def put_task_breaker(
    conn: psycopg.AsyncConnection, task: str, rule: BreakerRule | None, *, by: Author
) -> bool:
    """The same for a task name alone, in the history of changes too. Workers learn of it. Raises `TooManyBreakers`."""
    async with conn.transaction():
        if rule and await first_value(conn, sql("count_task_breakers"), of("task", task)) >= MAX_BREAKERS:
            raise TooManyBreakers(f"there are {MAX_BREAKERS:,} circuit breakers of task names already")
        has_changed = await put_breaker(conn, "task", task, rule)
        if has_changed:
            done = (
                by.did("breaker.set", task, msgspec.to_builtins(rule))
                if rule
                else by.did("breaker.remove", task)
            )
            await audit.record(conn, done)
            await conn.execute(_NOTIFY, (BREAKERS_CHANNEL, task))
    return has_changed


async def close_breaker(conn: psycopg.AsyncConnection, kind: Kind, name: str, *, by: Author) -> bool:
    """Lets the tasks start again; whether the breaker was not closed. The caller wakes the workers of a queue; parked
    tasks go on within a second."""
    params = of(kind, name)
    async with conn.transaction():
        await conn.execute(LOCKS[kind], params)
        was_open = await maybe_row(conn, sql("close_breaker"), params) is not None
        if was_open:
            await audit.record(conn, by.did(_CLOSED[kind], name))
    return was_open


async def admit(
    conn: PinnedConnection, task: str, claims: Sequence[Claim], *, again: bool = False
) -> set[str]:
    """Which of the claimed tasks of this name may start. The others are parked, or no longer held by their tokens.

    If the answer is lost, call it once more with `again`.
    """
    params = {
        **of("task", task),
        "rest": _JUDGE_SECONDS,
        "ids": uuid_array([claim.id for claim in claims]),
        "tokens": uuid_array([claim.token for claim in claims]),
        "seqs": [claim.seq for claim in claims],
        "again": again,
    }
    cursor = await in_one_message(conn, (_HASH_JOINS, LOCKS["task"], JUDGE, sql("admit")), params)
    row = await cursor.fetchone()
    assert row is not None
    return set(row[0])


_CLOSED: dict[Kind, str] = {"queue": "queue.close_breaker", "task": "breaker.close"}
"""What the audit calls it."""


async def _list(conn: psycopg.AsyncConnection, which: dict[str, Any]) -> list[NamedBreaker]:
    rows = await all_rows(conn, sql("list_breakers"), which | {"most": MAX_PARKED})
    return [
        NamedBreaker(kind=kind, name=name, parked=parked, source=source, **_fields(columns))
        for kind, name, parked, source, *columns in rows
    ]


def _fields(columns: Sequence[Any]) -> dict[str, Any]:
    """Those of `Breaker`. While it is closed, the columns may tell of the last time it was open."""
    *rule, state, since, failures, attempts, opened_at, tries_at, failed, probe = columns
    fields = dict(zip(BreakerRule.__struct_fields__, rule, strict=True))
    fields |= {"state": BreakerState(state), "since": since}
    if state == BreakerState.CLOSED:
        return fields
    return fields | {
        "why": why_open(failures, attempts, fields["window_seconds"]),
        "failures": failures,
        "attempts": attempts,
        "opened_at": opened_at,
        "next_try_at": tries_at if state == BreakerState.OPEN else None,
        "failed_task_id": failed,
        "probe_task_id": probe,
    }

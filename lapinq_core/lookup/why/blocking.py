"""What blocks a ready task, as data: the first that applies of its key, its named limits and its queue's policy.

In this order:

1. `KeyOrder`: its queue starts the tasks of a key in strict order, and an earlier one has not ended for good.
2. `KeyFull`, `KeyRate`: what its key may run or start.
3. `LimitClosed`, `LimitFull`, `LimitUsed`, then `LimitShort`: the named limits it takes from, by name.
4. `QueueFull`, `QueueRate`: what its queue may run or start.

`LimitTooSmall` never passes by itself, so it is told before everything that does. All but `LimitShort` are decided by
`lapinq_blocks_1`, a function of the database.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import LiteralString, NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.lookup.why.line import Ahead, QueuePosition

sql = sql_of(__name__)

MAX_NAMED = 3
"""Maximum number of tasks that are named as holders of places."""

WOKEN_YEAR = 8000
"""From then a task is due that waits until it is woken: `lapinq_until_woken`."""


class Holder(msgspec.Struct, frozen=True):
    """A task that holds a place, and since when it runs."""

    id: str
    since: datetime


class HeadState(StrEnum):
    RUNNING = "running"
    DELAYED = "delayed"
    READY = "ready"


class KeyOrder(msgspec.Struct, frozen=True, tag="key_order"):
    """Its key waits until the task `head` has ended for good, which is due at `due_at` if it is delayed."""

    head: str
    state: HeadState
    due_at: datetime | None
    queue: str
    ahead: Ahead


class KeyFull(msgspec.Struct, frozen=True, tag="key_full"):
    """Its key has reached its limit of running tasks; `held_by` names the first."""

    running: int
    max_running: int
    held_by: list[Holder]
    queue: str
    ahead: Ahead


class KeyRate(msgspec.Struct, frozen=True, tag="key_rate"):
    """Its key has used up its rate; the next task may start in `opens_in` seconds."""

    limit: float
    period_seconds: float
    burst: float
    opens_in: float
    queue: str
    ahead: Ahead


class Rules(msgspec.Struct, frozen=True):
    """What a named limit allows."""

    max_running: int | None
    rate: Rate | None


class LimitClosed(msgspec.Struct, frozen=True, tag="limit_closed"):
    """A task closed the named limit by `RateLimited`."""

    name: str
    until: datetime
    ahead: Ahead


class LimitFull(msgspec.Struct, frozen=True, tag="limit_full"):
    """The named limit has reached its limit of running tasks; `held_by` names the first."""

    name: str
    running: int
    max_running: int
    held_by: list[Holder]
    ahead: Ahead
    rules: Rules


class LimitUsed(msgspec.Struct, frozen=True, tag="limit_used"):
    """The named limit has fewer than the `units` left that the task needs: `used` of `burst` are gone. It has enough in
    `opens_in` seconds."""

    name: str
    units: int
    used: float
    burst: float
    opens_in: float
    ahead: Ahead
    rules: Rules


class LimitShort(msgspec.Struct, frozen=True, tag="limit_short"):
    """The named limit has enough units for the task, but too few for `first`, which is before it in the order."""

    name: str
    first: str
    units: int
    opens_in: float
    ahead: Ahead
    rules: Rules


class LimitTooSmall(msgspec.Struct, frozen=True, tag="limit_too_small"):
    """The task needs more units than the named limit ever has."""

    name: str
    units: int
    burst: float
    rules: Rules


class QueueFull(msgspec.Struct, frozen=True, tag="queue_full"):
    """Its queue has reached its limit of running tasks, or exceeds it because the limit was lowered."""

    running: int
    max_running: int
    ahead: Ahead
    queue: str


class QueueRate(msgspec.Struct, frozen=True, tag="queue_rate"):
    """Its queue has used up its rate; the next task may start in `opens_in` seconds."""

    limit: float
    period_seconds: float
    burst: float
    opens_in: float
    queue: str
    ahead: Ahead


Block = (
    KeyOrder | KeyFull | KeyRate | LimitClosed | LimitFull | LimitUsed | LimitShort | QueueFull | QueueRate
)


class Kind(StrEnum):
    """Why a task may not start, as `lapinq_blocks_1` tells it."""

    RETRY = "retry"
    SCHEDULE = "schedule"
    PAUSED = "paused"
    BREAKER = "breaker"
    LIMIT_TOO_SMALL = "limit_too_small"
    KEY_ORDER = "key_order"
    KEY_FULL = "key_full"
    KEY_RATE = "key_rate"
    LIMIT_CLOSED = "limit_closed"
    LIMIT_FULL = "limit_full"
    LIMIT_USED = "limit_used"
    QUEUE_FULL = "queue_full"
    QUEUE_RATE = "queue_rate"


class FirstBlock(NamedTuple):
    """What keeps a ready task from starting: a `Kind`, or "no_worker" if no live worker serves its queue.

    `name` is that of the limit or of the breaker's task, None for others.
    """

    kind: str
    name: str | None


class Blocked(NamedTuple):
    """A row of `lapinq_blocks_1`. Of the last ones it has those that belong to its kind."""

    kind: Kind
    rate: Rate
    name: str
    until: datetime | None
    task_id: str
    running: int
    max_running: int
    tokens: float
    units: int

    def opens_in(self, now: datetime) -> float:
        assert self.until is not None
        return (self.until - now).total_seconds()

    @property
    def rules(self) -> Rules:
        return Rules(self.max_running, self.rate)


async def read_blocks(conn: psycopg.AsyncConnection, task_id: str) -> list[Blocked]:
    """All that keeps the task from starting, that to be told first at the beginning."""
    rows = await all_rows(conn, sql("blocks"), {"id": task_id}, prepare=False)
    return [Blocked(Kind(kind), rate and Rate(**rate), *facts) for kind, rate, *facts in rows]


async def first_blocks(conn: psycopg.AsyncConnection, ids: Sequence[str]) -> dict[str, FirstBlock]:
    """Of each of these ready tasks what is told first, by id; those that only wait for their turn are left out."""
    rows = await all_rows(conn, sql("first_blocks"), {"ids": list(ids)}, prepare=False)
    return {task_id: FirstBlock(kind, name) for task_id, kind, name in rows}


def too_small(blocks: Sequence[Blocked]) -> LimitTooSmall | None:
    """The first limit that never has the units that the task needs."""
    for one in blocks:
        if one.kind is Kind.LIMIT_TOO_SMALL:
            return LimitTooSmall(one.name, one.units, one.rate.burst, one.rules)
    return None


async def find_block(
    conn: psycopg.AsyncConnection,
    task_id: str,
    place: QueuePosition,
    blocks: Sequence[Blocked],
    ahead: Ahead,
    now: datetime,
) -> Block | None:
    """What keeps the ready task from starting; None if nothing does but its turn."""
    first = blocks[0] if blocks else None
    if first is None or first.kind in {Kind.QUEUE_FULL, Kind.QUEUE_RATE}:
        short = await _find_short(conn, task_id, place, ahead, now)
        if short is not None:
            return short
    return None if first is None else await _told(conn, place, first, ahead, now)


async def _told(
    conn: psycopg.AsyncConnection, place: QueuePosition, block: Blocked, ahead: Ahead, now: datetime
) -> Block | None:
    queue, name, rate = place.queue, block.name, block.rate
    match block.kind:
        case Kind.KEY_ORDER:
            is_suspended = block.until is not None and block.until.year >= WOKEN_YEAR
            until = None if is_suspended else block.until
            delayed = HeadState.READY if until is None else HeadState.DELAYED
            state = HeadState.RUNNING if block.running else delayed
            return KeyOrder(block.task_id, state, until, queue, ahead)
        case Kind.KEY_FULL:
            held_by = await _holders(conn, "holders_of_key", queue=queue, key=place.key)
            return KeyFull(block.running, block.max_running, held_by, queue, ahead)
        case Kind.KEY_RATE:
            return KeyRate(rate.limit, rate.period_seconds, rate.burst, block.opens_in(now), queue, ahead)
        case Kind.LIMIT_CLOSED:
            assert block.until is not None
            return LimitClosed(name, block.until, ahead)
        case Kind.LIMIT_FULL:
            held_by = await _holders(conn, "holders_of_limit", name=name)
            return LimitFull(name, block.running, block.max_running, held_by, ahead, block.rules)
        case Kind.LIMIT_USED:
            used = rate.burst - block.tokens
            return LimitUsed(name, block.units, used, rate.burst, block.opens_in(now), ahead, block.rules)
        case Kind.QUEUE_FULL:
            return QueueFull(block.running, block.max_running, ahead, queue)
        case Kind.QUEUE_RATE:
            return QueueRate(rate.limit, rate.period_seconds, rate.burst, block.opens_in(now), queue, ahead)
        case _:
            return None  # told before


async def _find_short(
    conn: psycopg.AsyncConnection, task_id: str, place: QueuePosition, ahead: Ahead, now: datetime
) -> LimitShort | None:
    if not place.limits:
        return None
    params = {**place._asdict(), "id": task_id, "names": place.limits}
    row = await maybe_row(conn, sql("first_short"), params, prepare=False)
    if row is None:
        return None
    name, first, units, until, max_running, rate = row
    return LimitShort(
        name, first, units, (until - now).total_seconds(), ahead, Rules(max_running, Rate(**rate))
    )


async def _holders(conn: psycopg.AsyncConnection, verb: LiteralString, **about: str) -> list[Holder]:
    params = {**about, "most": MAX_NAMED}
    return [Holder(*row) for row in await all_rows(conn, sql(verb), params, prepare=False)]

"""What blocks a ready task: the first that applies of its key, its named limits and its queue's policy.

In this order:

1. `KeyOrder`: its queue starts the tasks of a key in strict order, and an earlier one has not ended for good.
2. `KeyFull`, `KeyRate`: what its key may run or start.
3. `LimitClosed`, `LimitFull`, `LimitUsed`, then `LimitShort`: the named limits it takes from, by name.
4. `QueueRate`: how often tasks of its queue may start.

`LimitTooSmall` never passes by itself, so it is told before everything that does. Claims decide by the same facts; what
they have yet to read of lapinq_lane_news and lapinq_limit_news is counted in.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

import msgspec
import psycopg

from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.lookup.line import Ahead, QueuePosition, ahead_of_key, count_ahead

sql = sql_of(__name__)

MAX_NAMED = 3
"""Maximum number of tasks that are named as holders of places."""


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


class QueueRate(msgspec.Struct, frozen=True, tag="queue_rate"):
    """Its queue has used up its rate; the next task may start in `opens_in` seconds."""

    limit: float
    period_seconds: float
    burst: float
    opens_in: float
    queue: str
    ahead: Ahead


Block = KeyOrder | KeyFull | KeyRate | LimitClosed | LimitFull | LimitUsed | LimitShort | QueueRate


class _Head(msgspec.Struct, frozen=True):
    id: str
    due_at: datetime | None
    state: HeadState


class _Key(msgspec.Struct, frozen=True):
    max_running: int | None
    running: int
    held_by: list[Holder] | None
    rate: Rate | None
    tokens: float | None
    head: _Head | None


class _Limit(msgspec.Struct, frozen=True):
    name: str
    units: int
    max_running: int | None
    running: int
    held_by: list[Holder] | None
    rate: Rate | None
    tokens: float | None
    closed_until: datetime | None

    @property
    def rules(self) -> Rules:
        return Rules(self.max_running, self.rate)


class Allowances(msgspec.Struct, frozen=True):
    """What the policy, the key and the limits allow now (allowances.sql)."""

    order: str
    rate: Rate | None
    tokens: float | None
    key: _Key | None
    limits: list[_Limit] | None

    @property
    def is_fair(self) -> bool:
        return self.order == "fair"

    @property
    def is_strict(self) -> bool:
        return self.order == "strict_per_key" and self.key is not None

    @property
    def too_small(self) -> LimitTooSmall | None:
        for limit in self.limits or []:
            if limit.rate is not None and limit.units > limit.rate.burst:
                return LimitTooSmall(limit.name, limit.units, limit.rate.burst, limit.rules)
        return None


class Short(NamedTuple):
    """A task, and a limit that has too few units for it."""

    task_id: str
    limit: str
    units: int


async def read_allowances(conn: psycopg.AsyncConnection, task_id: str) -> Allowances | None:
    """None for a task that is not ready."""
    params = {"id": task_id, "named": MAX_NAMED}
    text = await first_value(conn, sql("allowances"), params, prepare=False)
    return None if text is None else msgspec.json.decode(text, type=Allowances)


async def find_short(
    conn: psycopg.AsyncConnection, task_id: str, place: QueuePosition, allowed: Allowances
) -> Short | None:
    """The first task before it that needs more units of a limit than are left."""
    rated = [limit.name for limit in allowed.limits or [] if limit.rate is not None]
    if not rated:
        return None
    params = {
        "id": task_id,
        "queue": place.queue,
        "lane": place.lane,
        "rank": place.rank,
        "seq": place.seq,
        "names": rated,
    }
    row = await maybe_row(conn, sql("first_short"), params, prepare=False)
    return Short(*row) if row else None


async def find_block(
    conn: psycopg.AsyncConnection,
    task_id: str,
    place: QueuePosition,
    allowed: Allowances,
    short: Short | None,
    now: datetime,
) -> Block | None:
    """What keeps the ready task from starting; None if nothing does but its turn."""
    if place.lane is None:
        ahead, first = await count_ahead(conn, place), None
    else:
        ahead, first = await ahead_of_key(conn, place, is_strict=allowed.is_strict)
    return (
        _by_order(task_id, place, allowed, first, ahead)
        or _by_key(place, allowed, ahead)
        or _by_limit(allowed, ahead, now)
        or _by_another(allowed, short, ahead)
        or _by_rate(place, allowed, ahead)
    )


def _by_order(
    task_id: str, place: QueuePosition, allowed: Allowances, first: str | None, ahead: Ahead
) -> KeyOrder | None:
    if not allowed.is_strict or allowed.key is None:
        return None
    head = allowed.key.head
    if head is not None and head.id != task_id:
        return KeyOrder(head.id, head.state, head.due_at, place.queue, ahead)
    if head is None and first is not None:
        return KeyOrder(first, HeadState.READY, None, place.queue, ahead)
    return None


def _by_key(place: QueuePosition, allowed: Allowances, ahead: Ahead) -> KeyFull | KeyRate | None:
    key = allowed.key
    if key is None:
        return None
    if key.max_running is not None and key.running >= key.max_running:
        return KeyFull(key.running, key.max_running, key.held_by or [], place.queue, ahead)
    if key.rate is not None and key.tokens is not None and key.tokens < 1:
        wait = key.rate.wait(key.tokens)
        return KeyRate(key.rate.limit, key.rate.period_seconds, key.rate.burst, wait, place.queue, ahead)
    return None


def _by_limit(allowed: Allowances, ahead: Ahead, now: datetime) -> LimitClosed | LimitFull | LimitUsed | None:
    for limit in allowed.limits or []:
        if limit.closed_until is not None and limit.closed_until > now:
            return LimitClosed(limit.name, limit.closed_until, ahead)
        if limit.max_running is not None and limit.running >= limit.max_running:
            return LimitFull(
                limit.name, limit.running, limit.max_running, limit.held_by or [], ahead, limit.rules
            )
        if limit.rate is not None and limit.tokens is not None and limit.tokens < max(limit.units, 1):
            used = limit.rate.burst - limit.tokens
            wait = limit.rate.wait(limit.tokens, max(limit.units, 1))
            return LimitUsed(limit.name, limit.units, used, limit.rate.burst, wait, ahead, limit.rules)
    return None


def _by_another(allowed: Allowances, short: Short | None, ahead: Ahead) -> LimitShort | None:
    for limit in allowed.limits or []:
        if short is not None and limit.name == short.limit and limit.rate is not None:
            wait = limit.rate.wait(limit.tokens or 0.0, short.units)
            return LimitShort(limit.name, short.task_id, short.units, wait, ahead, limit.rules)
    return None


def _by_rate(place: QueuePosition, allowed: Allowances, ahead: Ahead) -> QueueRate | None:
    rate = allowed.rate
    if rate is None or allowed.tokens is None or allowed.tokens >= 1:
        return None
    return QueueRate(
        rate.limit, rate.period_seconds, rate.burst, rate.wait(allowed.tokens), place.queue, ahead
    )

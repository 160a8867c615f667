"""What keeps a task from starting, of its key, its named limits and its queue's policy: as a reason, and as the task
object tells in short."""

import json
from typing import Any, TypeVar

import pytest

from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.limits.blocked_keys import KeyFilter, list_keys
from lapinq_core.limits.breakers import put_breaker
from lapinq_core.lookup.why.blocking import (
    FirstBlock,
    HeadState,
    KeyFull,
    KeyOrder,
    KeyRate,
    Kind,
    LimitClosed,
    LimitFull,
    LimitShort,
    LimitTooSmall,
    LimitUsed,
    QueueFull,
    QueueRate,
    Rules,
    first_blocks,
)
from lapinq_core.lookup.why.line import Ahead
from lapinq_core.lookup.why.why_not_running import BreakerOpen, FairTurn, InLine, Reason, find_reason
from lapinq_core.tasks import actions, inspect, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep.breaker_watch import watch_breakers
from tests.integration.limits.test_lanes import govern
from tests.support.rows.factories import (
    Conn,
    add_worker,
    claim,
    complete,
    enqueue,
    make_delayed_ready,
    pause,
    resume,
)

HOURLY = '{"limit": 60, "period_seconds": 3600, "burst": 2}'
KEY, QUEUE = {"kind": "key", "name": None}, {"kind": "queue", "name": None}


async def told(conn: Conn, task_id: str) -> tuple[Reason | None, Any]:
    """The reason, and what the task object says."""
    text = await inspect.get_task(conn, task_id)
    assert text is not None
    return await find_reason(conn, task_id), json.loads(text)["waiting_for"]


T = TypeVar("T")


async def told_as(conn: Conn, task_id: str, kind: type[T]) -> tuple[T, Any]:
    """The same, where the reason is one of `kind`."""
    reason, short = await told(conn, task_id)
    assert isinstance(reason, kind), reason
    return reason, short


async def limit(conn: Conn, name: str, max_running: int | None = None, rate: str | None = None) -> None:
    await conn.execute(
        "INSERT INTO lapinq_limits (name, max_running, rate, created_at) VALUES (%s, %s, %s, lapinq_now())",
        (name, max_running, rate),
    )


def of_key(count: int) -> Ahead:
    return Ahead(count, of_key=True)


async def test_a_key_with_no_place_left_names_who_holds_them(database: str, conn: Conn) -> None:
    worker = await add_worker(conn, concurrency=50)
    ids = await enqueue(conn, 6, key="a")
    [other] = await enqueue(conn, 1, key="ab")
    await govern(conn, max_running_per_key=2)
    claims = [c for c in await claim(conn, worker, 20) if c.id in ids]
    reason, short = await told_as(conn, ids[5], KeyFull)
    assert (reason.running, reason.max_running, reason.ahead) == (2, 2, of_key(3))
    assert [one.id for one in reason.held_by] == ids[:2]
    assert short == KEY
    assert (await told(conn, other))[1] is None

    # No claim has read yet that one ended.
    await complete(conn, claims[:1])
    assert await told(conn, ids[5]) == (InLine(of_key(3)), None)


async def test_a_rate_says_when_the_next_may_start_and_counts_what_was_given_back(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn, concurrency=50)
    ids = await enqueue(conn, 4, key="a")
    await govern(conn, rate_per_key=HOURLY)
    claims = await claim(conn, worker, 20)
    reason, short = await told_as(conn, ids[3], KeyRate)
    assert (reason.limit, reason.period_seconds, reason.ahead) == (60, 3600, of_key(1))
    assert reason.opens_in == pytest.approx(60, abs=30)
    assert short == KEY

    await govern(conn, rate_per_key=None, rate=HOURLY)
    await claim(conn, worker, 20)
    reason, short = await told(conn, ids[3])
    assert isinstance(reason, InLine)  # nothing of the queue's own rate was used when that one was set

    await conn.execute("UPDATE lapinq_queues SET tokens = 0, tokens_at = lapinq_now()")
    reason, short = await told_as(conn, ids[3], QueueRate)
    assert reason.opens_in == pytest.approx(60, abs=30)
    assert short == QUEUE
    await worker_verbs.release(conn, claims[:1])
    assert await told(conn, ids[3]) == (InLine(of_key(2)), None)


async def test_in_strict_order_a_key_waits_for_its_head(database: str, conn: Conn) -> None:
    worker = await add_worker(conn, concurrency=50)
    first, second, third = [(await enqueue(conn, 1, key="a", priority=n))[0] for n in range(3)]
    await govern(conn, start_order="strict_per_key")
    assert await told(conn, third) == (KeyOrder(first, HeadState.READY, None, "default", of_key(2)), KEY)
    [head] = await claim(conn, worker, 10)
    assert head.id == first
    running = KeyOrder(first, HeadState.RUNNING, None, "default", of_key(1))
    assert await told(conn, third) == (running, KEY)

    await worker_verbs.settle(conn, [ended_as(head.id, head.token, Retry(60.0, "no", None))])
    reason, short = await told_as(conn, second, KeyOrder)
    assert (reason.head, reason.state, reason.ahead, short) == (first, HeadState.DELAYED, of_key(0), KEY)
    assert reason.due_at is not None

    # A retry of its workflow makes a task wait for its parents again, also one that was tried.
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_never() WHERE id = %s", (first,))
    assert await told(conn, second) == (KeyOrder(first, HeadState.READY, None, "default", of_key(0)), KEY)
    [listed] = (await list_keys(conn, "default", KeyFilter(), 5)).keys
    assert (listed.holder and listed.holder.task_id, listed.until) == (first, None)
    await conn.execute("UPDATE lapinq_delayed SET due_at = lapinq_now() WHERE id = %s", (first,))

    await make_delayed_ready(conn)
    reason, short = await told_as(conn, second, KeyOrder)
    assert (reason.head, reason.state, short) == (first, HeadState.READY, KEY)
    [again] = await claim(conn, worker, 10)
    await complete(conn, [again])
    await told_as(conn, second, InLine)


async def test_a_named_limit_tells_what_is_used_of_it_and_by_whom(database: str, conn: Conn) -> None:
    worker = await add_worker(conn, concurrency=50)
    await limit(conn, "gpu", max_running=1)
    await limit(conn, "openai", rate='{"limit": 1000, "period_seconds": 100000, "burst": 1000}')
    [holder] = await enqueue(conn, 1, queue_name="other", limits={"gpu": 1, "openai": 900})
    [small] = await enqueue(conn, 1, limits={"openai": 50})
    [gpu] = await enqueue(conn, 1, limits={"gpu": 1})
    [never] = await enqueue(conn, 1, limits={"openai": 5000})
    assert await told(conn, never) == (
        LimitTooSmall("openai", 5000, 1000, Rules(None, Rate(1000, 100_000, 1000))),
        {"kind": "limit", "name": "openai"},
    )
    assert await actions.cancel(conn, never)
    [claimed] = await claim(conn, worker, 1, "other")
    assert claimed.id == holder

    reason, short = await told_as(conn, gpu, LimitFull)
    assert (reason.name, reason.running, reason.max_running) == ("gpu", 1, 1)
    assert [one.id for one in reason.held_by] == [holder]
    assert short == {"kind": "limit", "name": "gpu"}

    [large] = await enqueue(conn, 1, key="b", limits={"openai": 400}, priority=1)
    reason, short = await told_as(conn, large, LimitUsed)
    assert (reason.units, reason.burst) == (400, 1000)
    assert reason.used == pytest.approx(900, abs=1)
    assert reason.opens_in == pytest.approx(30_000, abs=100)
    assert short == {"kind": "limit", "name": "openai"}

    # It would have enough for this one, but the other is before it.
    assert [c.id for c in await claim(conn, worker, 10)] == []
    reason, short = await told_as(conn, small, LimitShort)
    assert (reason.name, reason.first, reason.units, short) == ("openai", large, 400, None)

    await conn.execute("INSERT INTO lapinq_limit_news (limit_name, units) VALUES ('openai', 500)")
    await told_as(conn, large, InLine)
    await conn.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until)"
        " VALUES ('openai', lapinq_now() + interval '30 seconds')"
    )
    reason, short = await told_as(conn, large, LimitClosed)
    assert short == {"kind": "limit", "name": "openai"}
    await worker_verbs.release(conn, [claimed])
    await told_as(conn, gpu, InLine)


async def test_in_fair_order_about_so_many_start_before_it(database: str, conn: Conn) -> None:
    worker = await add_worker(conn, concurrency=50)
    flood = await enqueue(conn, 40, key="flood")
    await govern(conn, start_order="fair", weights='{"gold": 3}')
    await claim(conn, worker, 5)
    await enqueue(conn, 9, key="gold")
    [late] = await enqueue(conn, 1, key="late")
    await claim(conn, worker, 1)
    reason, short = await told_as(conn, late, FairTurn)
    assert reason.ahead == of_key(0)
    assert reason.before.count is not None
    assert reason.before.count <= 4
    assert short is None
    reason, _ = await told_as(conn, flood[-1], FairTurn)
    assert reason.before.count is not None
    # All of the two others come first.
    assert reason.ahead.count is not None
    assert reason.before.count - reason.ahead.count in range(8, 11)


async def test_the_queue_comes_after_the_key_and_tasks_without_a_key_go_by_it(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn, concurrency=50)
    plain = await enqueue(conn, 3)
    [keyed] = await enqueue(conn, 1, key="a")
    await govern(conn, max_running=1)
    await claim(conn, worker, 10)
    assert await told(conn, plain[2]) == (QueueFull(1, 1, Ahead(1), "default"), QUEUE)
    assert await told(conn, plain[1]) == (QueueFull(1, 1, Ahead(None), "default"), QUEUE)
    assert await told(conn, keyed) == (QueueFull(1, 1, of_key(0), "default"), QUEUE)
    await pause(conn, "default")
    assert (await told(conn, keyed))[1] == {"kind": "paused", "name": None}
    await resume(conn, "default")
    await govern(conn, max_running=None)
    assert await told(conn, keyed) == (InLine(of_key(0)), None)


async def test_a_delayed_task_waits_for_its_time(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    [task_id] = await enqueue(conn, 1, key="a")
    [held] = await claim(conn, worker)
    assert (await told(conn, task_id))[1] is None
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(60.0, "no", None))])
    assert (await told(conn, task_id))[1] == {"kind": "retry", "name": None}
    await conn.execute("UPDATE lapinq_delayed SET starts = 0")
    assert (await told(conn, task_id))[1] == {"kind": "schedule", "name": None}


async def test_what_an_open_circuit_breaker_of_the_queue_holds_back_says_so(
    database: str, conn: Conn
) -> None:
    worker = await add_worker(conn)
    failing, waiting = await enqueue(conn, 2)
    await put_breaker(conn, "queue", "default", BreakerRule(failures_in_row=1))
    [held] = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(failing, held.token, Fail("no"))])
    await watch_breakers(conn, "queue")
    reason, short = await told_as(conn, waiting, BreakerOpen)
    assert (reason.queue, reason.task_name, reason.failures, reason.attempts) == ("default", None, 1, None)
    assert short == {"kind": "breaker", "name": None}


async def test_a_list_tells_of_ready_tasks_what_is_told_first(conn: Conn) -> None:
    await limit(conn, "gpu", rate=HOURLY)
    [unserved] = await enqueue(conn, queue_name="unserved")
    [free] = await enqueue(conn)
    [held] = await enqueue(conn, limits={"gpu": 3})
    [later] = await enqueue(conn, scheduled_at="2099-01-01T00:00:00Z")
    await add_worker(conn, queues=["default"])
    found = await first_blocks(conn, [unserved, free, held, later])
    assert found == {
        unserved: FirstBlock("no_worker", None),
        held: FirstBlock(Kind.LIMIT_TOO_SMALL, "gpu"),
        later: FirstBlock(Kind.SCHEDULE, None),
    }

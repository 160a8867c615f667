"""What attempts say about named limits: units that they used, and that a limit is exhausted."""

from typing import Any

import msgspec
import psycopg
import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import named_limits, spending
from lapinq_core.limits.spending import Exhausted, Spent
from lapinq_core.tasks import completion, inspect, worker_verbs
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue, status

AN_HOUR = Rate(1, 36_000, 100)
LOST = "00000000-0000-0000-0000-000000000001"


async def left(conn: Conn, name: str = "tokens") -> float:
    limit = await named_limits.get_limit(conn, name)
    assert limit is not None
    assert limit.tokens is not None
    return limit.tokens


def exhausted(held: Any, limit: str = "tokens", seconds: float = 30.0, **values: Any) -> Exhausted:
    fields = {"token": held.token, **values}
    return Exhausted(
        task_id=held.id, seq=held.seq, limit=limit, seconds=seconds, error="closed", run_seconds=0.1, **fields
    )


async def test_what_was_not_used_is_given_back_once_and_what_was_used_beyond_is_taken(conn: Conn) -> None:
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await enqueue(conn, 2, limits={"tokens": 40})
    less, more = await claim(conn, worker, 9)
    assert await left(conn) == pytest.approx(20, abs=0.1)
    spends = [Spent(less.id, less.token, {"tokens": 10}), Spent(more.id, more.token, {"tokens": 45.5})]
    async with conn.transaction():
        await spending.spend(conn, spends)
        await complete(conn, [less, more])
    assert await left(conn) == pytest.approx(44.5, abs=0.1)
    await spending.spend(conn, spends)
    assert await left(conn) == pytest.approx(44.5, abs=0.1)
    await enqueue(conn, 1, limits={"tokens": 44})
    assert len(await claim(conn, worker, 1)) == 1


async def test_a_spend_matches_the_claim_token_and_knows_limits_the_task_does_not_take_from(
    conn: Conn, worker: str
) -> None:
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await named_limits.set_limit(conn, "places", 3, None, by=SOMEBODY)
    await enqueue(conn, 1)
    [held] = await claim(conn, worker, 1)
    await spending.spend(conn, [Spent(held.id, LOST, {"tokens": 10})])
    assert await left(conn) == 100
    used = {"tokens": 30.0, "places": 2.0, "unknown": 7.0}
    await spending.spend(conn, [Spent(held.id, held.token, used)])
    assert await left(conn) == pytest.approx(70, abs=0.1)
    await enqueue(conn, 1, limits={"tokens": 72})
    assert await claim(conn, worker, 1) == []
    assert await left(conn) == pytest.approx(70, abs=0.1)


async def test_an_attempt_that_completes_itself_spends_with_that(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await enqueue(conn, 2, limits={"tokens": 40})
    ends = [
        completion.Completion(task_id=one.id, token=one.token, result="1", seconds=0.1, spent={"tokens": 10})
        for one in await claim(conn, worker, 9)
    ]
    async with conn.transaction():
        assert await completion.acomplete_one(conn, ends[0])
    with psycopg.connect(database) as plain:
        assert completion.complete_one(plain, ends[1])
    assert await left(conn) == pytest.approx(80, abs=0.1)


async def test_a_task_that_closes_its_limit_keeps_its_place_and_its_start(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    first, second = await enqueue(conn, 2, limits={"tokens": 1})
    [held] = await claim(conn, worker, 1)
    closed = await spending.close(conn, [exhausted(held)])
    assert (closed.ours, closed.queues, closed.missing) == (1, ["default"], [])
    assert await status(conn, first) == "pending"
    assert await claim(conn, worker, 9) == []
    limit = await named_limits.get_limit(conn, "tokens")
    assert limit is not None
    assert limit.closed_until is not None
    [attempt] = msgspec.json.decode(await inspect.get_attempts(conn, first) or "[]")
    assert (attempt["outcome"], attempt["error"]) == ("released", "closed")
    # A shorter closing changes nothing.
    await conn.execute(
        "INSERT INTO lapinq_limit_news (limit_name, closed_until) VALUES ('tokens', lapinq_now())"
    )
    assert await claim(conn, worker, 9) == []
    await conn.execute("UPDATE lapinq_limits SET closed_until = closed_until - interval '30 seconds'")
    again = await claim(conn, worker, 9)
    assert [(one.id, one.attempt) for one in again] == [(first, 1), (second, 1)]
    assert (await spending.close(conn, [exhausted(held)])).ours == 0


async def test_a_task_that_does_not_take_from_the_limit_is_delayed(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, AN_HOUR, by=SOMEBODY)
    await enqueue(conn, 3)
    beside, stopped, lost = await claim(conn, worker, 9)
    await conn.execute(
        "UPDATE lapinq_running SET cancel_requested_at = lapinq_now() WHERE id = %s", (stopped.id,)
    )
    closed = await spending.close(conn, [exhausted(beside), exhausted(stopped), exhausted(lost, token=LOST)])
    assert (closed.ours, closed.queues, closed.missing) == (2, [], [])
    rows = await conn.execute("SELECT id::text, starts, due_at > lapinq_now() FROM lapinq_delayed")
    assert await rows.fetchall() == [(beside.id, 0, True)]
    assert await status(conn, stopped.id) == "cancelled"
    assert await status(conn, lost.id) == "running"


async def test_nothing_happens_to_a_task_whose_limit_does_not_exist(conn: Conn, worker: str) -> None:
    await enqueue(conn, 1)
    [held] = await claim(conn, worker, 1)
    closed = await spending.close(conn, [exhausted(held)])
    assert (closed.ours, closed.queues, closed.missing) == (0, [], [held.id])
    assert await worker_verbs.complete(conn, [held.id], [held.token], ["1"], [0.1]) == 1
    assert await all_rows(conn, "SELECT FROM lapinq_limit_news") == []

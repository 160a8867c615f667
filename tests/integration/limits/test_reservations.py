"""A task that needs many units of a limit is not passed forever by the small tasks of other queues."""

import pytest

from lapinq_core.db.rows import first_value, one_row
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.limits import named_limits
from lapinq_core.lookup.why.blocking import LimitUsed
from tests.integration.lookup.why.test_what_blocks import told
from tests.support.rows.factories import SOMEBODY, Conn, Connections, add_worker, claim, complete, enqueue


async def has(conn: Conn, units: float) -> None:
    await conn.execute("UPDATE lapinq_limits SET tokens = %s, tokens_at = lapinq_now()", [units])


async def test_what_comes_in_is_left_to_the_queue_that_waits_for_many(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    [large] = await enqueue(conn, 1, queue_name="large", limits={"tokens": 6000})
    [first, *_] = await enqueue(conn, 9, queue_name="small", limits={"tokens": 600})
    await has(conn, 5000)
    assert await claim(conn, worker, 1, "large") == []
    assert await claim(conn, worker, 1, "small") == []
    reason, short = await told(conn, first)
    assert (type(reason), short) == (LimitUsed, {"kind": "limit", "name": "tokens"})
    assert await first_value(conn, "SELECT lapinq_startable('small')") == 0
    await has(conn, 6000)
    assert await claim(conn, worker, 1, "small") == []
    assert [held.id for held in await claim(conn, worker, 1, "large")] == [large]
    await has(conn, 600)
    assert [held.id for held in await claim(conn, worker, 1, "small")] == [first]


async def test_beyond_what_is_reserved_others_start(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    await named_limits.set_limit(conn, "gpu", None, Rate(1, 3600, 10), by=SOMEBODY)
    await enqueue(conn, 1, queue_name="large", limits={"tokens": 3000, "gpu": 9})
    await enqueue(conn, 9, queue_name="small", limits={"tokens": 600})
    await conn.execute("UPDATE lapinq_limits SET tokens = 2000, tokens_at = lapinq_now()")
    assert await claim(conn, worker, 1, "large") == []
    await conn.execute("UPDATE lapinq_limits SET tokens = 4300 WHERE name = 'tokens'")
    assert len(await claim(conn, worker, 9, "small")) == 2


async def test_a_reservation_ends_if_its_queue_asks_no_more(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    await enqueue(conn, 1, queue_name="large", limits={"tokens": 6000})
    await enqueue(conn, 1, queue_name="small", limits={"tokens": 600})
    await has(conn, 5000)
    assert await claim(conn, worker, 1, "large") == []
    await conn.execute("UPDATE lapinq_limits SET reserved_until = lapinq_now()")
    assert len(await claim(conn, worker, 1, "small")) == 1


async def test_claims_that_do_not_get_to_the_task_keep_the_reservation(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    await enqueue(conn, 1, queue_name="large", limits={"tokens": 6000})
    await enqueue(conn, 1, queue_name="small", limits={"tokens": 600})
    await has(conn, 5000)
    assert await claim(conn, worker, 1, "large") == []
    assert await claim(conn, worker, 1, "large", free=0) == []
    await enqueue(conn, 1, queue_name="large", priority=9)
    assert len(await claim(conn, worker, 1, "large")) == 1
    assert await claim(conn, worker, 1, "small") == []


async def test_a_limit_that_another_claim_holds_is_left_alone(connections: Connections) -> None:
    conn, other = await connections(2)
    worker = await add_worker(conn)
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    await enqueue(conn, 1, queue_name="large", limits={"tokens": 6000})
    await has(conn, 5000)
    assert await claim(conn, worker, 1, "large") == []
    await conn.execute("SET lock_timeout = '100ms'")
    async with other.transaction():
        await other.execute("SELECT FROM lapinq_limits FOR NO KEY UPDATE")
        assert await claim(conn, worker, 1, "large") == []
    reserved = "SELECT reserved_by, reserved_units FROM lapinq_limits"
    assert await one_row(conn, reserved) == ("large", 6000)


@pytest.mark.parametrize("closed", [0, 60])
async def test_a_queue_that_found_no_place_for_long_gets_the_next_one(
    conn: Conn, worker: str, closed: int
) -> None:
    """Also if its tasks take from many other limits."""
    for name in ("gpu", *(f"closed {n}" for n in range(closed))):
        await named_limits.set_limit(conn, name, 1, None, by=SOMEBODY)
        if name != "gpu":
            await enqueue(conn, 1, queue_name="waits", limits={name: 1})
    await conn.execute("UPDATE lapinq_limits SET closed_until = 'infinity' WHERE name <> 'gpu'")
    [waits] = await enqueue(conn, 1, queue_name="waits", limits={"gpu": 1})
    await enqueue(conn, 9, queue_name="busy", limits={"gpu": 1})
    held = await claim(conn, worker, 1, "busy")
    assert await claim(conn, worker, 1, "waits") == []
    await complete(conn, held)
    held = await claim(conn, worker, 1, "busy")  # which of two gets a place is chance at first
    assert len(held) == 1
    await conn.execute("UPDATE lapinq_limits SET reserved_until = reserved_until - interval '16 seconds'")
    await complete(conn, held)
    assert await claim(conn, worker, 1, "busy") == []
    assert await first_value(conn, "SELECT lapinq_startable('busy')") == 0
    held = await claim(conn, worker, 1, "waits")
    assert [one.id for one in held] == [waits]
    await complete(conn, held)
    assert len(await claim(conn, worker, 1, "busy")) == 1


async def test_a_queue_alone_reserves_no_place(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "gpu", 1, None, by=SOMEBODY)
    await enqueue(conn, 2, queue_name="alone", limits={"gpu": 1})
    assert len(await claim(conn, worker, 1, "alone")) == 1
    assert await claim(conn, worker, 1, "alone") == []
    assert await one_row(conn, "SELECT reserved_by FROM lapinq_limits") == (None,)


async def test_a_second_task_gets_its_units_reserved_as_the_first_did(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    await enqueue(conn, 2, queue_name="large", limits={"tokens": 6000})
    await enqueue(conn, 9, queue_name="small", limits={"tokens": 600})
    for _ in range(2):
        await has(conn, 5000)
        assert await claim(conn, worker, 1, "large") == []
        assert await claim(conn, worker, 1, "small") == []
        await has(conn, 6000)
        assert len(await claim(conn, worker, 1, "large")) == 1


async def test_who_started_something_leaves_what_comes_in_to_others(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "tokens", None, Rate(1, 3600, 6000), by=SOMEBODY)
    await enqueue(conn, 9, queue_name="large", limits={"tokens": 6000})
    await enqueue(conn, 9, queue_name="small", limits={"tokens": 600})
    for units, starts, waits in ((600, "small", "large"), (6000, "large", "small")):
        await has(conn, units)
        assert len(await claim(conn, worker, 9, starts)) == 1
        await has(conn, 5)
        assert await claim(conn, worker, 9, waits) == []
        await has(conn, units)
        assert await claim(conn, worker, 9, starts) == []


async def test_no_place_is_reserved_for_a_task_that_waits_for_another_limit_too(
    conn: Conn, worker: str
) -> None:
    for name in ("gpu", "other"):
        await named_limits.set_limit(conn, name, 1, None, by=SOMEBODY)
    await enqueue(conn, 2, queue_name="busy", limits={"gpu": 1})
    await enqueue(conn, 1, queue_name="others", limits={"other": 1})
    await enqueue(conn, 1, queue_name="waits", limits={"gpu": 1, "other": 1})
    assert len(await claim(conn, worker, 1, "busy")) == len(await claim(conn, worker, 1, "others")) == 1
    assert await claim(conn, worker, 1, "waits") == []
    assert await one_row(conn, "SELECT count(reserved_by) FROM lapinq_limits") == (0,)


async def test_a_place_is_free_again_when_its_queue_finds_it_and_starts_something_else(
    conn: Conn, worker: str
) -> None:
    await named_limits.set_limit(conn, "gpu", 1, None, by=SOMEBODY)
    await enqueue(conn, 1, queue_name="waits", limits={"gpu": 1})
    await enqueue(conn, 2, queue_name="busy", limits={"gpu": 1})
    held = await claim(conn, worker, 1, "busy")
    assert await claim(conn, worker, 1, "waits") == []
    await complete(conn, held)
    await enqueue(conn, 1, queue_name="waits", priority=9)
    assert len(await claim(conn, worker, 1, "waits")) == 1
    assert await one_row(conn, "SELECT reserved_by FROM lapinq_limits") == (None,)

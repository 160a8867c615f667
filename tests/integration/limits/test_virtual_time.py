"""Fair order: the virtual time of keys and of the queue, so that a late or small one waits no longer than a turn."""

from collections import Counter

from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.limits import lanes, named_limits, spending
from lapinq_core.limits.spending import Exhausted
from lapinq_core.tasks import queues
from lapinq_core.tasks.claim_facts import facts_of
from tests.integration.limits.test_lanes import govern, keys_of
from tests.support.rows.factories import SOMEBODY, Conn, add_worker, claim, complete, enqueue


async def starts_until(conn: Conn, worker: str, key: str | None) -> int:
    """How many tasks start, one by one, until one of the key does."""
    for number in range(1, 20):
        if await keys_of(conn, await claim(conn, worker, 1)) == [key]:
            return number
    raise AssertionError("twenty others started before")


async def test_a_late_key_owes_and_is_owed_nothing_for_tasks_without_a_key(conn: Conn, worker: str) -> None:
    await govern(conn, start_order="fair")
    await enqueue(conn, 60)
    for _ in range(6):
        assert len(await claim(conn, worker, 10)) == 10
    await enqueue(conn, 40, key="late")
    await enqueue(conn, 1)
    assert await starts_until(conn, worker, None) <= 3


async def test_starts_in_another_order_count_nothing_in_fair_order(conn: Conn, worker: str) -> None:
    await govern(conn, start_order="strict_per_key")
    await enqueue(conn, 30, key="old")
    for _ in range(10):
        await complete(conn, await claim(conn, worker, 5))
    await queues.set_policy(conn, "default", {"order": StartOrder.FAIR}, by=SOMEBODY)
    await enqueue(conn, 30, key="new")
    claims = [one for _ in range(4) for one in await claim(conn, worker, 5)]
    assert Counter(await keys_of(conn, claims)) == {"old": 10, "new": 10}


async def test_a_key_that_comes_back_has_no_credit_for_the_time_it_was_away(conn: Conn, worker: str) -> None:
    await govern(conn, start_order="fair")
    await enqueue(conn, 1, key="away")
    await enqueue(conn, 60, key="busy")
    await complete(conn, await claim(conn, worker, 41))
    await enqueue(conn, 20, key="away")
    assert Counter(await keys_of(conn, await claim(conn, worker, 10))) == {"away": 5, "busy": 5}


async def close_limit(conn: Conn, worker: str, name: str) -> None:
    """A task that takes from the limit closes it for a minute, and waits again."""
    [held] = await claim(conn, worker, 1)
    end = Exhausted(
        task_id=held.id, token=held.token, seq=held.seq, limit=name, seconds=60.0, error="", run_seconds=0.0
    )
    await spending.close(conn, [end])


async def test_what_a_limit_held_back_has_no_credit_when_the_limit_opens(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "api", 1000, None, by=SOMEBODY)
    await govern(conn, start_order="fair")
    for key in ("old 1", "old 2"):
        await enqueue(conn, 40, key=key, limits={"api": 1})
    await close_limit(conn, worker, "api")
    await enqueue(conn, 60, key="free")
    for _ in range(5):
        assert {*await keys_of(conn, await claim(conn, worker, 10))} == {"free"}
    # It comes while the limit is closed, so its first turn is with those that wait for it already.
    await enqueue(conn, 40, key="old 3", limits={"api": 1})
    assert await keys_of(conn, await claim(conn, worker, 1)) == ["free"]
    await named_limits.open_limit(conn, "api", by=SOMEBODY)
    first = await keys_of(conn, await claim(conn, worker, 2))
    await enqueue(conn, 40, key="late")
    assert await starts_until(conn, worker, "late") <= 4
    rest = [await keys_of(conn, await claim(conn, worker, 1)) for _ in range(10)]
    counted = Counter([*first, *(key for [key] in rest)])
    assert all(2 <= counted[key] <= 4 for key in ("old 1", "old 2", "old 3")), counted


async def test_keys_share_alike_whether_or_not_their_tasks_take_from_a_limit(conn: Conn, worker: str) -> None:
    await named_limits.set_limit(conn, "api", 1000, None, by=SOMEBODY)
    await govern(conn, start_order="fair")
    await enqueue(conn, 15, key="both")
    await enqueue(conn, 40, key="both", limits={"api": 1})
    await enqueue(conn, 40, key="one", limits={"api": 1})
    for _ in range(20):
        pair = [await keys_of(conn, await claim(conn, worker, 1)) for _ in range(2)]
        assert sorted(pair) == [["both"], ["one"]]


async def test_rounded_virtual_times_hold_nothing_back(conn: Conn, worker: str) -> None:
    """The place of the lane and the shift of its limit add up to a little less than the time of the key."""
    await named_limits.set_limit(conn, "L", 9, None, by=SOMEBODY)
    await govern(conn, start_order="fair", weights='{"k": 3}')
    await enqueue(conn, 2, key="k", limits={"L": 1})
    assert len(await claim(conn, worker, 1)) == 1
    shift, time = 5.666666666666665, 13.666666666666673
    assert (time - shift) + shift < time
    await conn.execute("UPDATE lapinq_keys SET virtual_time = %s", [time])
    await conn.execute(
        "UPDATE lapinq_queues SET virtual_time = %s, lane_shifts = jsonb_build_object('L', %s::float8)",
        [shift, shift],
    )
    await conn.execute("UPDATE lapinq_lanes SET place = %s::float8 - %s::float8", [time, shift])
    assert len(await claim(conn, worker, 1)) == 1


async def test_idle_keys_are_forgotten_in_each_order(conn: Conn) -> None:
    async def forgotten_after(hours: int, queue: str) -> bool:
        for table in ("keys", "lanes"):
            await conn.execute(
                f"UPDATE lapinq_{table} SET changed_at = changed_at - %s * interval '1 hour'".encode(),
                [hours],
            )
        await lanes.prune(conn)
        row = await maybe_row(conn, "SELECT FROM lapinq_keys WHERE queue_name = %s LIMIT 1", [queue])
        return row is None

    worker = await add_worker(conn)
    rate = '{"limit": 100, "period_seconds": 0.01, "burst": 100}'
    await govern(conn, "strict", start_order="strict_per_key")
    await govern(conn, "limited", rate_per_key=rate)
    await govern(conn, "fair", start_order="fair")
    for queue in ("strict", "limited", "fair"):
        await enqueue(conn, 1, key="a", queue_name=queue)
        await complete(conn, await claim(conn, worker, queue=queue))
        assert not await forgotten_after(0, queue)
    assert await forgotten_after(2, "strict")
    assert await forgotten_after(0, "limited")
    # Its turn has not come again, as long as nothing else starts.
    assert not await forgotten_after(0, "fair")
    assert await forgotten_after(23, "fair")


async def test_a_place_that_another_order_left_gives_no_key_a_late_virtual_time(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 2, key="a")
    await enqueue(conn, 1, key="b")
    assert len(await claim(conn, worker, 1)) == 1
    await conn.execute(
        "UPDATE lapinq_lanes SET rank = 0, place = 10000000"
    )  # of which no claim has taken in the news
    facts_of(conn).lane_marks.clear()
    await govern(conn, start_order="fair")
    assert len(await claim(conn, worker, 9)) == 2
    assert await first_value(conn, "SELECT virtual_time < 10 FROM lapinq_queues")

"""A requeued task has its key again or stays; clean-up deletes the keys that no task holds."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.doctor.finding import Severity
from lapinq_core.doctor.verifying import verify
from lapinq_core.domain.tasks.decide import Fail
from lapinq_core.domain.tasks.unique import OnConflict, Unique
from lapinq_core.intake.idempotency import UniqueKeyBusy
from lapinq_core.intake.unique_keys import UniqueConflict
from lapinq_core.tasks import actions, bulk
from lapinq_core.upkeep.unique_key_pruning import prune
from tests.integration.intake.unique.enqueued import debounced, end, patiently, put_one, unique
from tests.support.database.invariants import check_rows
from tests.support.eventually import eventually_async
from tests.support.rows.factories import (
    Conn,
    Connections,
    add_worker,
    claim,
    complete,
    counts,
    enqueue,
    new_task,
    status,
)
from tests.support.rows.walks import one_step
from tests.support.tries import tries


async def _failed(conn: Conn, **values: Any) -> str:
    _, task_id = await put_one(conn, unique(**values))
    [held] = await claim(conn, await add_worker(conn))
    assert held.id == task_id
    await end(conn, held, Fail("no"))
    return task_id


async def _requeue(conn: Conn, task_id: str) -> str | None:
    async with conn.transaction():
        return await actions.requeue(conn, task_id, by="lisa")


@pytest.mark.parametrize("is_pruned", [True, False])
async def test_a_requeued_task_holds_its_key_again(conn: Conn, is_pruned: bool) -> None:
    first = await _failed(conn)
    if is_pruned:
        await conn.execute("DELETE FROM lapinq_unique_keys")
    assert await _requeue(conn, first) == "default"
    assert await put_one(conn, unique()) == ("existing", first)
    await complete(conn, await claim(conn, await add_worker(conn)))
    assert (await put_one(conn, unique()))[0] == "stored"


async def test_a_task_is_not_requeued_while_a_newer_one_holds_its_key(conn: Conn) -> None:
    first = await _failed(conn)
    _, second = await put_one(conn, unique())
    with pytest.raises(UniqueConflict) as raised:
        await _requeue(conn, first)
    assert raised.value.task_id == second
    assert await status(conn, first) == "failed"
    await actions.cancel(conn, second)
    assert await _requeue(conn, first) == "default"
    await check_rows(conn, [first, second])


async def test_a_key_for_a_time_does_not_keep_a_task_from_being_requeued(conn: Conn) -> None:
    first = await _failed(conn, until=60.0)
    await conn.execute("UPDATE lapinq_unique_keys SET expires_at = lapinq_now()")
    assert (await put_one(conn, unique()))[0] == "stored"
    assert await _requeue(conn, first) == "default"


async def test_many_are_requeued_but_one_for_each_key(conn: Conn) -> None:
    twice = [await _failed(conn) for _ in range(2)]
    taken = await _failed(conn, queue_name="default")
    await conn.execute("UPDATE lapinq_tasks SET unique_key = 'taken' WHERE id = %s", (taken,))
    _, holder = await put_one(conn, new_task(unique=Unique("taken")))
    [plain] = await enqueue(conn, priority=1)
    [held] = await claim(conn, await add_worker(conn))
    await end(conn, held, Fail("no"))
    step = await one_step(conn, bulk.requeue_tasks, status="failed")
    assert (step.done, step.running, step.left) == (2, 2, [])
    found = {task_id: await status(conn, task_id) for task_id in (*twice, taken, plain)}
    assert found == {twice[0]: "failed", twice[1]: "pending", taken: "failed", plain: "pending"}
    step = await one_step(conn, bulk.requeue_tasks, status="failed")
    assert (step.done, step.running, step.left) == (0, 2, [])
    assert await counts(conn) == {"pending": 3, "failed": 2}
    await check_rows(conn, [*twice, taken, plain, holder])


async def test_a_requeue_does_not_wait_for_an_open_transaction_with_the_key(connections: Connections) -> None:
    one, two = await connections(2)
    first = await _failed(one)
    await one.execute("BEGIN")
    await put_one(one, unique())
    with pytest.raises(UniqueKeyBusy):
        await _requeue(two, first)
    step = await one_step(two, bulk.requeue_tasks, status="failed")
    assert (step.done, step.running) == (0, 1)
    await one.execute("ROLLBACK")
    assert await _requeue(two, first) == "default"


async def test_of_a_requeue_and_an_enqueue_at_once_one_gives_way(connections: Connections) -> None:
    one, two = await connections(2)
    for _ in range(tries(40)):
        first = await _failed(one)

        async def requeue(task_id: str = first) -> bool:
            try:
                return await patiently(lambda: _requeue(two, task_id)) is not None
            except UniqueConflict:
                return False

        (what, _), is_requeued = await asyncio.gather(patiently(lambda: put_one(one, unique())), requeue())
        assert (what == "stored") != is_requeued
        held = await claim(one, await add_worker(one), 5)
        assert len(held) == 1
        await complete(one, held)


async def test_clean_up_deletes_keys_that_nobody_has_held_for_an_hour(conn: Conn) -> None:
    async def keys() -> list[str]:
        return [key for (key,) in await all_rows(conn, "SELECT key FROM lapinq_unique_keys ORDER BY key")]

    await put_one(conn, new_task(unique=Unique("ended")))
    await put_one(conn, new_task(unique=Unique("for a time", until=7200.0)))
    await complete(conn, await claim(conn, await add_worker(conn), 2))
    await put_one(conn, new_task(unique=Unique("waits")))
    await put_one(conn, debounced())
    everything = ["ended", "for a time", "k", "waits"]
    assert (await prune(conn), await keys()) == ((0, None), everything)
    await conn.execute("UPDATE lapinq_unique_keys SET taken_at = taken_at - interval '1 hour'")
    after = ("", "")
    seen: list[tuple[str, str]] = []
    while True:
        _, last = await prune(conn, after, 1)
        if last is None:
            break
        seen.append(last)
        after = last
    assert seen == [("default", key) for key in everything]
    assert await keys() == ["for a time", "k", "waits"]


async def test_a_key_that_is_taken_again_at_that_moment_stays(connections: Connections) -> None:
    one, two = await connections(2)
    await put_one(one, unique())
    await complete(one, await claim(one, await add_worker(one)))
    await one.execute("UPDATE lapinq_unique_keys SET taken_at = taken_at - interval '1 hour'")
    await one.execute("BEGIN")
    assert (await put_one(one, unique()))[0] == "stored"
    assert await prune(two) == (0, None)
    await one.execute("COMMIT")
    assert (await put_one(two, unique()))[0] == "existing"


@pytest.mark.parametrize(
    ("scheduled", "key", "on_conflict"),
    [(False, None, "return"), (True, None, "reject"), (False, "acme", "replace"), (True, None, "replace")],
)
async def test_a_task_past_its_time_to_live_holds_no_key(
    conn: Conn, scheduled: bool, key: str | None, on_conflict: OnConflict
) -> None:
    """Maintenance has not expired it yet: it would never start, and keep others from being stored."""
    due = datetime.now(UTC) + timedelta(hours=1) if scheduled else None
    late = new_task(unique=Unique("k"), key=key, ttl_seconds=60.0, scheduled_at=due)
    _, first = await put_one(conn, late)
    for table in ("lapinq_ready", "lapinq_delayed"):
        await conn.execute(f"UPDATE {table} SET expires_at = lapinq_now()".encode())
    outcome, second = await put_one(conn, new_task(unique=Unique("k", on_conflict=on_conflict)))
    assert (outcome, await status(conn, first)) == ("stored", "expired")
    assert await counts(conn) == {"pending": 1, "expired": 1}
    assert [held.id for held in await claim(conn, await add_worker(conn), 5)] == [second]
    assert {found[0].severity for found in (await verify(conn)).values()} == {Severity.OK}
    await check_rows(conn, [first, second])


async def test_a_task_is_requeued_beside_one_past_its_time_to_live(conn: Conn) -> None:
    first = await _failed(conn)
    _, late = await put_one(conn, unique(ttl_seconds=60.0))
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now()")
    assert await _requeue(conn, first) == "default"
    assert (await status(conn, first), await status(conn, late)) == ("pending", "expired")


async def test_a_claim_at_the_end_of_the_time_to_live_goes_before(connections: Connections) -> None:
    conn, other = await connections(2)
    _, first = await put_one(conn, unique(ttl_seconds=60.0))
    await conn.execute("UPDATE lapinq_ready SET expires_at = lapinq_now() + interval '0.5 s'")
    worker = await add_worker(conn)
    async with other.transaction():
        assert [held.id for held in await claim(other, worker)] == [first]
        await eventually_async(lambda: _is_late(conn))
        with pytest.raises(UniqueKeyBusy):  # not "stored": the claim may yet commit
            await put_one(conn, unique())
    assert await put_one(conn, unique()) == ("existing", first)


async def _is_late(conn: Conn) -> bool:
    row = await maybe_row(conn, "SELECT expires_at <= lapinq_now() FROM lapinq_ready")
    return row == (True,)

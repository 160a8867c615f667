"""The keys of a queue that wait, and freeing one."""

from typing import Any

import pytest

from lapinq_core.db.rows import all_rows
from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.limits import blocked_keys
from lapinq_core.limits.blocked_keys import BlockedBy, KeyFilter, KeySort, KeyState, WaitingKey, WaitingKeys
from lapinq_core.tasks import actions, bulk, held_keys, worker_verbs
from lapinq_core.tasks.bulk import Batch
from lapinq_core.tasks.filters import TaskFilter
from lapinq_core.tasks.worker_verbs import ended_as
from tests.integration.limits.test_lanes import keys_of
from tests.integration.limits.test_policies import set_policy
from tests.integration.tasks.queues.test_queues import noted
from tests.support.rows.durable import suspend, wait_for
from tests.support.rows.factories import SOMEBODY, Conn, claim, enqueue
from tests.support.rows.held_keys import fail_first


async def listed(conn: Conn, state: KeyState = KeyState.BLOCKED) -> dict[str, WaitingKey]:
    found = await blocked_keys.list_keys(conn, "default", KeyFilter(state=state), 50)
    assert found.next is None
    return {one.key: one for one in found.keys}


async def test_keys_say_what_blocks_them_and_who_comes_next(conn: Conn, worker: str) -> None:
    ids = await enqueue(conn, 3, key="a")
    await enqueue(conn, 1, key="a b", limits={"gpu": 1})
    await enqueue(conn, 2)
    await enqueue(conn, 1, key="b")
    assert await listed(conn) == {}
    await set_policy(conn, max_running_per_key=1)
    await claim(conn, worker, 9)
    [blocked] = (await listed(conn)).values()
    assert (blocked.key, blocked.waiting, blocked.running) == ("a", 2, 1)
    assert blocked.blocked_by is BlockedBy.MAX_RUNNING_PER_KEY
    assert blocked.holder is not None
    assert blocked.head is not None
    assert (blocked.holder.task_id, blocked.head.task_id) == (ids[0], ids[1])
    assert list(await listed(conn, KeyState.WAITING)) == ["a"]
    assert list(await listed(conn, KeyState.ALL)) == ["a", "a b", "b"]
    await set_policy(conn, max_running_per_key=None, rate_per_key=Rate(1, 3600, 1))
    await claim(conn, worker, 9)
    [blocked] = (await listed(conn)).values()
    assert blocked.blocked_by is BlockedBy.RATE_PER_KEY
    assert blocked.until is not None


async def test_keys_come_in_pages(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["A", "b/c", "b c", "ü", "🐇"]
    for name in names:
        await enqueue(conn, 1, key=name)
    pages: list[list[str]] = []
    after: str | None = None
    while True:
        chosen = KeyFilter(state=KeyState.WAITING, after=after)
        found = await blocked_keys.list_keys(conn, "default", chosen, 2)
        pages.append([one.key for one in found.keys])
        if (after := found.next) is None:
            break
    assert pages == [["A", "b c"], ["b/c", "ü"], ["🐇"]]
    chosen = KeyFilter(state=KeyState.WAITING, prefix="b")
    assert [one.key for one in (await blocked_keys.list_keys(conn, "default", chosen, 5)).keys] == [
        "b c",
        "b/c",
    ]
    monkeypatch.setattr(blocked_keys, "MOST_LOOKED_AT", 3)
    found = await blocked_keys.list_keys(conn, "default", KeyFilter(), 2)
    assert (found.keys, found.next) == ([], "b/c")


async def test_a_key_that_waits_for_a_retry_is_freed(conn: Conn, worker: str) -> None:
    first, second = await enqueue(conn, 2, key="a")
    await enqueue(conn, 1, key="a b")
    assert await blocked_keys.skip(conn, "default", "a", by=SOMEBODY) is None
    await set_policy(conn, order=StartOrder.STRICT_PER_KEY)
    claims = await claim(conn, worker, 9)
    assert sorted(await keys_of(conn, claims)) == ["a", "a b"]
    [held] = [one for one in claims if one.id == first]
    assert (await listed(conn))["a"].blocked_by is BlockedBy.ORDER
    assert await blocked_keys.skip(conn, "default", "a", by=SOMEBODY) is None  # it runs
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(60.0, "no", None))])
    assert await claim(conn, worker, 9) == []
    blocked: Any = (await listed(conn))["a"]
    assert (blocked.holder.task_id, blocked.holder.started_at, blocked.head.task_id) == (first, None, second)
    assert blocked.until is not None
    assert await blocked_keys.skip(conn, "default", "a", by=SOMEBODY) == first
    assert [one.id for one in await claim(conn, worker, 9)] == [second]
    assert await blocked_keys.skip(conn, "default", "a", by=SOMEBODY) is None
    assert (await noted(conn))[-1] == ("queue.skip", "default", {"key": "a", "task_id": first})


async def test_a_retry_that_runs_now_goes_first_of_its_key(conn: Conn, worker: str) -> None:
    await set_policy(conn, order=StartOrder.STRICT_PER_KEY)
    first, second = await enqueue(conn, 2, key="a")
    [held] = await claim(conn, worker, 9)
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(60.0, "no", None))])
    await enqueue(conn, 1, key="a", priority=9)
    assert await actions.run_now(conn, first) == "default"
    [again] = await claim(conn, worker, 9)
    assert again.id == first
    await worker_verbs.settle(conn, [ended_as(again.id, again.token, Fail("no", None))])
    assert [one.id for one in await claim(conn, worker, 9)] == [second]


async def by_age(conn: Conn, limit: int = 50, **chosen: Any) -> WaitingKeys:
    return await blocked_keys.list_keys(conn, "default", KeyFilter(sort=KeySort.AGE, **chosen), limit)


async def test_blocked_keys_come_by_the_age_of_the_task_in_front(conn: Conn, worker: str) -> None:
    held = await fail_first(conn, worker, ["b/1", "a", "b/2", "c"])
    await enqueue(conn, 2, key="runs")
    await claim(conn, worker, 1)
    await enqueue(conn, 1, key="free")
    await enqueue(conn, 1, key="later", scheduled_at="2099-01-01T00:00:00Z")
    found = await by_age(conn)
    assert [one.key for one in found.keys] == ["b/1", "a", "b/2", "c", "runs"]
    assert (found.found, found.is_capped, found.next) == (5, False, None)
    first = found.keys[0]
    assert first.holder is not None
    assert (first.holder.task_id, first.holder.error, first.waiting) == (held["b/1"], "b/1 is away", 2)
    assert first.head is not None
    assert first.holder.enqueued_at <= first.head.enqueued_at
    assert [one.key for one in (await by_age(conn, prefix="b/")).keys] == ["b/1", "b/2"]
    page = await by_age(conn, 2)
    assert ([one.key for one in page.keys], page.found) == (["b/1", "a"], 5)
    assert [one.key for one in (await by_age(conn, 2, after=page.next)).keys] == ["b/2", "c"]
    few = await blocked_keys.list_keys(conn, "default", KeyFilter(sort=KeySort.AGE), 50, most_found=3)
    assert (few.found, few.is_capped) == (3, True)


async def test_keys_that_a_rate_closed_come_by_the_age_of_the_first_that_waits(
    conn: Conn, worker: str
) -> None:
    await set_policy(conn, rate_per_key=Rate(1, 3600, 1))
    for key in ("b", "a"):
        await enqueue(conn, 2, key=key)
    await claim(conn, worker, 9)
    assert [(one.key, one.blocked_by) for one in (await by_age(conn)).keys] == [
        ("b", BlockedBy.RATE_PER_KEY),
        ("a", BlockedBy.RATE_PER_KEY),
    ]


async def test_many_keys_are_freed_of_tasks_that_wait(conn: Conn, worker: str) -> None:
    held = await fail_first(conn, worker, ["b/1", "a", "b/2"])
    await enqueue(conn, 2, key="b/runs")
    await claim(conn, worker, 1)
    found = await held_keys.find(conn, "default", "b/")
    assert (found.ids, found.others) == ([held["b/1"], held["b/2"]], 1)
    assert [(one.key, one.task_id, one.error) for one in found.first] == [
        (key, held[key], f"{key} is away") for key in ("b/1", "b/2")
    ]
    assert (await held_keys.find(conn, "default", keys=["a", "none"])).ids == [held["a"]]
    walk = await bulk.begin(conn, TaskFilter(queue="default"))
    assert walk is not None
    entry = SOMEBODY.did("queue.skip_keys", "default", {"chosen": {}})
    step = await held_keys.free_many(conn, walk, Batch(size=2, ids=found.ids), entry)
    assert step is not None
    assert (step.done, step.queues) == (2, ["default"])
    last = await held_keys.free_many(
        conn, walk, Batch(size=1, ids=[held["a"], held["b/1"]]), entry, step.entry_id
    )
    assert last is not None
    assert last.done == 1
    assert (await noted(conn))[-1] == ("queue.skip_keys", "default", {"chosen": {}, "skipped": 3})
    started = await claim(conn, worker, 9)
    assert sorted(await keys_of(conn, started)) == ["a", "b/1", "b/2"]
    assert not {one.id for one in started} & set(held.values())


async def test_a_key_of_a_suspended_task_is_not_freed_with_others(conn: Conn, worker: str) -> None:
    await set_policy(conn, order=StartOrder.STRICT_PER_KEY)
    await enqueue(conn, 2, key="a")
    [waits] = await claim(conn, worker, 1)
    await wait_for(conn, waits, "approved")
    await suspend(conn, waits)
    found = await held_keys.find(conn, "default")
    assert (found.ids, found.others) == ([], 1)


async def test_keys_that_were_skipped_do_not_hide_younger_ones(conn: Conn, worker: str) -> None:
    await fail_first(conn, worker, ["a", "b", "c"])
    for key in ("a", "b"):
        await blocked_keys.skip(conn, "default", key, by=SOMEBODY)
    assert await all_rows(conn, "SELECT key FROM lapinq_stuck_keys_1(NULL, 1)") == [("c",)]

"""The keys of a queue that wait, and freeing one."""

from typing import Any

import pytest

from lapinq_core.domain.limits.policy import StartOrder
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.limits import blocked_keys
from lapinq_core.limits.blocked_keys import BlockedBy, KeyState, WaitingKey
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from tests.integration.limits.test_lanes import keys_of
from tests.integration.limits.test_policies import set_policy
from tests.integration.tasks.queues.test_queues import noted
from tests.support.rows.factories import SOMEBODY, Conn, claim, enqueue


async def listed(conn: Conn, state: KeyState = KeyState.BLOCKED) -> dict[str, WaitingKey]:
    found = await blocked_keys.list_keys(conn, "default", state, 50)
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
        found = await blocked_keys.list_keys(conn, "default", KeyState.WAITING, 2, after)
        pages.append([one.key for one in found.keys])
        if (after := found.next) is None:
            break
    assert pages == [["A", "b c"], ["b/c", "ü"], ["🐇"]]
    monkeypatch.setattr(blocked_keys, "MOST_LOOKED_AT", 3)
    found = await blocked_keys.list_keys(conn, "default", KeyState.BLOCKED, 2)
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

"""Unique and debounced tasks with a key and limits: a replaced one starts by the rules of its new lane."""

from datetime import UTC, datetime, timedelta
from typing import Any

from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.tasks import actions
from tests.integration.intake.unique.enqueued import args_of, debounced, end, put_one, unique
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import (
    Conn,
    add_worker,
    claim,
    complete,
    enqueue,
    make_delayed_ready,
)

IN_AN_HOUR = datetime.now(UTC) + timedelta(hours=1)


async def _policy(conn: Conn, **policy: Any) -> None:
    """Of the queue default."""
    await conn.execute(
        "INSERT INTO lapinq_queues (name, max_running_per_key, start_order)"
        " VALUES ('default', %(max_running_per_key)s, %(start_order)s)",
        {"max_running_per_key": None, "start_order": "priority", **policy},
    )


async def _lanes(conn: Conn) -> list[tuple[Any, ...]]:
    """Of the tasks that wait: the lane and the units."""
    cursor = await conn.execute(
        "SELECT lane, units FROM lapinq_ready UNION ALL SELECT lane, units FROM lapinq_delayed ORDER BY lane"
    )
    return await cursor.fetchall()


def _replacing(**values: Any) -> Any:
    return unique(on_conflict="replace", **values)


async def test_a_task_with_a_unique_key_has_a_lane_too_also_when_it_is_requeued(conn: Conn) -> None:
    worker = await add_worker(conn)
    await _policy(conn, max_running_per_key=1)
    await conn.execute("INSERT INTO lapinq_limits (name, created_at) VALUES ('openai', lapinq_now())")
    await enqueue(conn, key="acme")
    [busy] = await claim(conn, worker, 5)
    _, task_id = await put_one(conn, unique(key="acme", limits={"openai": 3}))
    assert await _lanes(conn) == [("acme\x1fopenai", [3])]
    assert await claim(conn, worker, 5) == []
    assert await put_one(conn, unique(key="other")) == ("existing", task_id)
    await complete(conn, [busy])
    [held] = await claim(conn, worker, 5)
    assert held.id == task_id
    await end(conn, held, Fail("no", None))
    assert await actions.requeue(conn, task_id, by="lisa")
    assert await _lanes(conn) == [("acme\x1fopenai", [3])]
    assert await put_one(conn, unique()) == ("existing", task_id)
    assert [one.id for one in await claim(conn, worker, 5)] == [task_id]
    await check_rows(conn, [])


MOVES: list[tuple[dict[str, Any], dict[str, Any], tuple[str | None, list[int] | None]]] = [
    ({}, {"key": "b"}, ("b", None)),
    ({"key": "a"}, {}, (None, None)),
    ({"key": "a"}, {"key": "b", "priority": 7}, ("b", None)),
    ({"key": "a", "limits": {"gpu": 2}}, {"key": "a", "limits": {"gpu": 5}}, ("a\x1fgpu", [5])),
    ({"limits": {"gpu": 2}}, {"limits": {"api": 4, "gpu": 1}}, ("\x1fapi,gpu", [4, 1])),
    ({"key": "a", "scheduled_at": IN_AN_HOUR}, {"key": "b"}, ("b", None)),
    ({"key": "a"}, {"key": "b", "scheduled_at": IN_AN_HOUR}, ("b", None)),
]


async def test_a_replaced_task_is_in_the_lane_of_its_new_key_and_limits(conn: Conn, worker: str) -> None:
    await conn.execute(
        "INSERT INTO lapinq_limits (name, created_at) VALUES ('gpu', lapinq_now()), ('api', lapinq_now())"
    )
    for before, after, lane in MOVES:
        _, task_id = await put_one(conn, unique(**before))
        assert await put_one(conn, _replacing(args=[2], **after)) == ("replaced", task_id)
        assert await _lanes(conn) == [lane]
        cursor = await conn.execute("SELECT key, limits FROM lapinq_tasks WHERE id = %s", (task_id,))
        assert await cursor.fetchall() == [(after.get("key"), after.get("limits"))]
        if "scheduled_at" in after:
            await make_delayed_ready(conn)
        [started] = await claim(conn, worker, 5)
        assert (started.id, await args_of(conn, task_id)) == (task_id, [2]), after
        await complete(conn, [started])
        await check_rows(conn, [])


async def test_the_lane_that_a_replaced_task_leaves_goes_on(conn: Conn, worker: str) -> None:
    """The first of a key in strict order moves to another key: the next one of its former key starts."""
    await _policy(conn, start_order="strict_per_key")
    _, task_id = await put_one(conn, unique(key="a"))
    [second] = await enqueue(conn, key="a")
    [held] = await claim(conn, worker, 5)
    assert held.id == task_id
    await end(conn, held, Retry(600.0, "no", None))
    assert await claim(conn, worker, 5) == []
    assert await put_one(conn, _replacing(key="b")) == ("replaced", task_id)
    await check_rows(conn, [])
    assert [one.id for one in await claim(conn, worker, 5)] == [second]
    await make_delayed_ready(conn)
    assert [one.id for one in await claim(conn, worker, 5)] == [task_id]
    await check_rows(conn, [])


async def test_a_replaced_task_waits_for_the_limits_of_its_new_lane(conn: Conn, worker: str) -> None:
    await _policy(conn, max_running_per_key=1)
    await enqueue(conn, key="busy")
    [busy] = await claim(conn, worker, 5)
    _, task_id = await put_one(conn, unique(key="free"))
    await put_one(conn, _replacing(key="busy"))
    assert await claim(conn, worker, 5) == []
    await complete(conn, [busy])
    assert [one.id for one in await claim(conn, worker, 5)] == [task_id]
    await check_rows(conn, [])


async def test_a_debounced_task_is_put_off_with_its_key_and_starts_by_its_rules(conn: Conn) -> None:
    worker = await add_worker(conn)
    await _policy(conn, max_running_per_key=1)
    _, task_id = await put_one(conn, debounced(key="a"))
    assert await put_one(conn, debounced(key="a", args=[2])) == ("replaced", task_id)
    assert await put_one(conn, debounced(key="b", args=[3])) == ("replaced", task_id)
    assert await _lanes(conn) == [("b", None)]
    cursor = await conn.execute("SELECT count(*) FROM lapinq_lane_news WHERE 'b' = ANY (lanes)")
    assert await cursor.fetchone() == (0,), "a delayed task is no news for its lane"
    await enqueue(conn, key="b")
    [busy] = await claim(conn, worker, 5)
    await make_delayed_ready(conn)
    assert await claim(conn, worker, 5) == []
    await complete(conn, [busy])
    [started] = await claim(conn, worker, 5)
    assert (started.id, await args_of(conn, task_id)) == (task_id, [3])
    what, later = await put_one(conn, debounced(key="a"))
    assert (what, later != task_id) == ("stored", True)
    await check_rows(conn, [])

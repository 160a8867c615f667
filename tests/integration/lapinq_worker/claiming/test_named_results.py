"""A worker puts the results that arguments name into them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.intake.enqueueing import enqueue
from lapinq_core.workflows import parents, reading
from lapinq_worker.claiming import named_results
from lapinq_worker.claiming.named_results import NamedResults
from tests.integration.lapinq_worker.desk import Desk, task_of
from tests.support.database.invariants import check_rows
from tests.support.rows.factories import Conn, add_worker, claim, complete, new_task
from tests.support.rows.workflows import member, store
from tests.support.sample import tasks, typed_tasks

ORDER = {"number": 1, "lines": [{"product": "0198f3c2-7a10-7000-8000-000000000001", "colour": "red"}]}
THREE, FOUR, ORDERED = {"$result": "three"}, {"$result": "four"}, {"$result": "order"}
FAILED = {"status": "failed", "result": None, "error": "ValueError: no good"}

# A function, its arguments, its result, and its starts.
CHILDREN: list[tuple[Any, list[Any], dict[str, Any], object, int]] = [
    (tasks.add, [THREE, FOUR], {}, 7, 1),
    (tasks.aadd, [THREE], {"b": FOUR}, 7, 1),
    (
        tasks.echo,
        [[THREE, {"x": [FOUR]}]],
        {"outcome": {"$outcome": "failed"}, "result": {"$result": "failed"}},
        {"args": [[3, {"x": [4]}]], "kwargs": {"outcome": FAILED, "result": None}},
        1,
    ),
    (typed_tasks.atake, [ORDERED], {}, ["Order", ["Line"], {}], 1),
    (typed_tasks.same, [ORDERED], {}, ORDER, 1),
    (tasks.retry_once, ["{path}", {"$result": "zero"}], {}, "done", 2),
]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The results that workers are sent."""
    results: list[str] = []

    async def named_parents(*args: Any, **values: Any) -> list[parents.NamedParent]:
        found = await parents.named_parents(*args, **values)
        results.extend(parent.result for parent in found if parent.result)
        return found

    monkeypatch.setattr(named_results, "named_parents", named_parents)
    return results


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_functions_get_results_and_outcomes_of_parents_at_each_attempt(
    desk: Desk, tmp_path: Path, pool: str
) -> None:
    members = [
        member("three", task_of(tasks.add, 1, 2)),
        member("four", task_of(tasks.aadd, 2, 2)),
        member("failed", task_of(tasks.fail, "no good", max_retries=0)),
        member("order", task_of(typed_tasks.same, ORDER)),
        member("zero", task_of(tasks.aadd, 0, 0)),
    ]
    for n, (function, args, kwargs, *_) in enumerate(CHILDREN):
        args = [str(tmp_path / "asked") if arg == "{path}" else arg for arg in args]
        members.append(
            member(f"child{n}", task_of(function, *args, kwargs=kwargs, max_retries=1), after_failure="run")
        )
    async with desk.working(worker_pool=pool):
        ids = await store(desk.conn, members)
        ended = await desk.ended(*(ids[f"child{n}"] for n in range(len(CHILDREN))))
    for task, (*_, result, attempts) in zip(ended, CHILDREN, strict=True):
        assert (task.status, task.attempts) == ("completed", attempts), task
        assert msgspec.json.decode(task.result or "") == result
    await check_rows(desk.conn, list(ids.values()))


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_a_large_result_is_kept_once_for_many_tasks(desk: Desk, sent: list[str], pool: str) -> None:
    ended = await _lengths(desk, [5_000_000], children=50, worker_pool=pool, worker_concurrency=4)
    assert ended == {("completed", "5000000", None)}
    # It is sent again only when none of the tasks was in hand.
    assert len(sent) < 50


async def test_a_large_result_in_hand_is_not_sent_again(conn: Conn, sent: list[str]) -> None:
    worker = await add_worker(conn)
    children = [member(f"child{n}", new_task(args=[{"$result": "text"}])) for n in range(6)]
    await store(conn, [member("text", new_task()), *children])
    await complete(conn, await claim(conn, worker, 1), f'"{100_000 * "x"}"')
    results = NamedResults(lambda: worker)
    claims: list[Claim] = []
    for _ in range(3):
        assert results.hold_back(await claim(conn, worker, 2), 0.0) == []
        claims += (await results.look_up(conn)).claims
    assert len({id(one.parents["text"]) for one in claims if one.parents}) == 1
    assert (len(claims), len(sent)) == (6, 1)


async def test_tasks_wait_while_the_results_in_hand_fill_the_room(
    conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_results, "MAX_HELD_BYTES", 250)
    worker = await add_worker(conn)
    refs = "abcd"
    ids = await store(
        conn,
        [
            *(member(ref, new_task()) for ref in refs),
            *(member(f"child of {ref}", new_task(args=[{"$result": ref}])) for ref in refs),
        ],
    )
    await complete(conn, await claim(conn, worker, 4), f'"{98 * "x"}"')
    results = NamedResults(lambda: worker)

    async def looked_up() -> tuple[list[Claim], list[Claim]]:
        claims = (await results.look_up(conn)).claims
        assert all(claim.parents for claim in claims)
        return claims, results.unstarted()

    claims = await claim(conn, worker, 4)
    assert {one.id for one in claims} == {ids[f"child of {ref}"] for ref in refs}
    assert results.hold_back(claims, 0.0) == []
    assert await looked_up() == (claims[:2], claims[2:])
    assert results.has_room
    assert await looked_up() == (claims[2:3], claims[3:])
    assert not results.has_room
    for one in claims:
        one.parents = None  # they have ended
    assert results.has_room
    # It is declared dead, and others rescue its tasks.
    worker = "another"
    assert await looked_up() == ([], [])


async def test_a_task_of_a_workflow_is_told_its_id(conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, [new_task()])
    ids = await store(conn, [member("a", new_task())])
    place = await reading.place_of(conn, ids["a"])
    assert place is not None
    results = NamedResults(lambda: worker)
    claims = await claim(conn, worker, 2)
    others = results.hold_back(claims, 0.0)
    assert [one.id in ids.values() for one in others] == [False]
    [found] = (await results.look_up(conn)).claims
    assert (found.id, found.workflow_id, found.parents) == (ids["a"], place.workflow_id, None)


async def test_without_room_tasks_are_looked_up_as_slots_are_freed(
    desk: Desk, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_results, "MAX_HELD_BYTES", 1)
    ended = await _lengths(desk, [1000] * 30, children=30, worker_concurrency=2, worker_pool="threads")
    assert ended == {("completed", "1000", None)}
    assert len(sent) >= 30


async def test_a_task_whose_results_are_too_large_fails_without_a_retry(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_results, "MAX_BYTES_OF_TASK", 1000)
    ended = await _lengths(desk, [1000], children=1)
    assert ended == {
        ("failed", None, "the results that its arguments name have 1,002 bytes together, more than 1,000")
    }


async def test_when_the_answer_is_lost_tasks_are_released_and_run_once(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = 0

    async def named_parents(*args: Any, **values: Any) -> list[parents.NamedParent]:
        nonlocal lost
        found = await parents.named_parents(*args, **values)
        if lost < 3:
            lost += 1
            raise TimeoutError("lost")
        return found

    monkeypatch.setattr(named_results, "named_parents", named_parents)
    ended = await _lengths(desk, [10], children=3)
    assert ended == {("completed", "10", None)}
    assert lost == 3


async def _lengths(
    desk: Desk, sizes: Sequence[int], *, children: int, **settings: Any
) -> set[tuple[str, str | None, str | None]]:
    """How tasks end that take the length of results of these sizes, in turns, at their first attempt."""
    members = [
        *(member(f"text{n}", task_of(tasks.long_text, size)) for n, size in enumerate(sizes)),
        *(
            member(f"child{n}", task_of(tasks.length, {"$result": f"text{n % len(sizes)}"}))
            for n in range(children)
        ),
    ]
    async with desk.working(**settings):
        ids = await store(desk.conn, members)
        ended = await desk.ended(*(ids[f"child{n}"] for n in range(children)))
    assert {task.attempts for task in ended} == {1}
    await check_rows(desk.conn, list(ids.values()))
    return {(task.status, task.result, task.error) for task in ended}

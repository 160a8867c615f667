"""One task as a page looks at it: everything about it, bounded."""

from datetime import UTC, datetime, timedelta

from lapinq_core.db.rows import one_row
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.diagnostics.profile import collapsed, packed
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup import task_detail
from lapinq_core.lookup.profiles import get_profile
from lapinq_core.lookup.task_detail import Attempts, TaskDetail
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.worker_verbs import Ended
from tests.integration.tasks.test_inspect import one_of_each
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue


async def told(conn: Conn, task_id: str) -> TaskDetail:
    task = await task_detail.get(conn, task_id)
    assert task is not None
    return task


async def test_a_task_of_every_status_is_told(conn: Conn) -> None:
    made = await one_of_each(conn)
    for status, task_id in made.items():
        task = await told(conn, task_id)
        assert (task.id, task.status, task.args.text, task.due_at) == (task_id, status, "[1,1]", None)
    assert await task_detail.get(conn, new_id()) is None
    assert await task_detail.get_attempts(conn, new_id()) == Attempts([], is_cut=False, chosen=None)
    assert (await told(conn, made[Status.RUNNING])).worker_name == "tester"
    found = await task_detail.get_attempts(conn, made[Status.RUNNING])
    [attempt] = found.latest
    assert (attempt.outcome, attempt.worker_name, found.is_cut) == ("running", "tester", False)
    assert found.chosen == attempt
    cancelled = await task_detail.get_attempts(conn, made[Status.CANCELLED])
    assert cancelled.chosen is None


async def test_when_it_was_wanted_and_what_it_waits_for_are_told_apart(conn: Conn) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    [task_id] = await enqueue(conn, scheduled_at=soon)
    task = await told(conn, task_id)
    assert task.scheduled_at == task.due_at == soon
    [again] = await enqueue(conn)
    [held] = await claim(conn, await add_worker(conn))
    await worker_verbs.settle(
        conn, [Ended(held.id, held.token, final=False, counts=True, delay=60, error="no")]
    )
    task = await told(conn, again)
    assert task.scheduled_at is None
    assert task.due_at is not None


async def test_a_value_is_cut_once_it_is_large(conn: Conn) -> None:
    worker = await add_worker(conn)
    whole, size = task_detail.WHOLE_BYTES, 3_000_000
    ids = await enqueue(conn, 2, kwargs={"x": "ü" * whole}, metadata={"a": 1})
    held = await claim(conn, worker, 2)
    await complete(conn, held[:1], f'"{"x" * (whole - 2)}"')
    await complete(conn, held[1:], f'"{"x" * (size - 2)}"')
    small, large = [await told(conn, task_id) for task_id in ids]
    assert small.result is not None
    assert (small.result.is_whole, len(small.result.text)) == (True, whole)
    assert large.result is not None
    assert (large.result.is_whole, large.result.size) == (False, size)
    assert len(large.result.text) == len(large.kwargs.text) == task_detail.PART_CHARACTERS
    assert large.kwargs.size > 2 * whole


async def test_of_many_attempts_the_latest_are_told_and_of_one_what_it_said(conn: Conn) -> None:
    [task_id] = await enqueue(conn, max_retries=100)
    await conn.execute(
        "INSERT INTO lapinq_attempts"
        " (task_id, attempt, final, outcome, error, traceback, logs, claimed_at, finished_at)"
        " SELECT %s, n, false, 'failed', 'no', 'Traceback …', 'a line', at, at"
        " FROM generate_series(1, 60) AS n, LATERAL (VALUES (lapinq_now() - (60 - n) * interval '1 s')) AS v (at)",
        (task_id,),
    )
    found = await task_detail.get_attempts(conn, task_id)
    assert found.is_cut
    assert [one.attempt for one in found.latest] == list(range(60, 10, -1))
    assert [one.attempt for one in found.latest if one.traceback or one.logs] == [60]
    assert found.chosen is not None
    assert found.chosen == found.latest[0]
    assert (found.chosen.traceback, found.chosen.logs) == ("Traceback …", "a line")
    row = await one_row(
        conn, "SELECT claimed_at FROM lapinq_attempts WHERE attempt = 3 AND task_id = %s", (task_id,)
    )
    early = await task_detail.get_attempts(conn, task_id, row[0])
    assert early.chosen is not None
    assert (early.chosen.attempt, early.chosen.logs) == (3, "a line")
    assert [one.attempt for one in early.latest] == list(range(60, 10, -1))


async def test_the_latest_profile_is_found_and_that_of_a_number(conn: Conn) -> None:
    [task_id] = await enqueue(conn, max_retries=5)
    assert await get_profile(conn, task_id) is None
    worker = await add_worker(conn)
    for samples in (1, 2, 3):
        [held] = await claim(conn, worker)
        await worker_verbs.settle(conn, [Ended(task_id, held.token, False, True, 0.0, "no")])
        made = packed(collapsed({(): samples}, interval=0.005, seconds=1)) if samples < 3 else None
        await conn.execute("UPDATE lapinq_attempts SET profile = %s WHERE token = %s", (made, held.token))
    attempts = (await task_detail.get_attempts(conn, task_id)).latest
    assert [one.has_profile for one in attempts] == [False, True, True]
    for wanted, expected in [(None, (2, 2)), (1, (1, 1)), (3, None)]:
        found = await get_profile(conn, task_id, wanted)
        assert (None if found is None else (found[0], found[1].samples)) == expected

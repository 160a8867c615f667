"""A task that snoozes waits its time, and uses up no start."""

import msgspec

from lapinq_core.db.rows import one_row
from lapinq_core.domain.tasks.decide import Fail, Release
from lapinq_core.domain.tasks.outcome import Suspended
from lapinq_core.lookup.task_detail import get_attempts
from lapinq_core.tasks import worker_verbs
from lapinq_core.tasks.inspect import history_statement
from lapinq_core.tasks.worker_verbs import ended_as
from tests.support.database.invariants import check_rows
from tests.support.rows.durable import end, wait_for
from tests.support.rows.factories import Conn, add_worker, attempts, claim, enqueue, make_delayed_ready


async def test_a_snooze_waits_its_time_and_gives_the_start_back(conn: Conn) -> None:
    (task,) = await enqueue(conn, max_retries=0)
    worker = await add_worker(conn)
    for _ in range(3):
        (held,) = await claim(conn, worker)
        assert held.attempt == 1
        snooze = Release("snoozed for 3600 s", 3600.0)
        assert await worker_verbs.settle(conn, [ended_as(task, held.token, snooze)]) == (1, [])
        assert await claim(conn, worker) == []
        row = await one_row(
            conn, "SELECT extract(epoch FROM due_at - lapinq_now())::float8, starts FROM lapinq_delayed"
        )
        assert 3500 < row[0] <= 3600
        assert row[1] == 0
        await make_delayed_ready(conn)
    (held,) = await claim(conn, worker)
    await worker_verbs.settle(conn, [ended_as(task, held.token, Fail("no"))])
    shown = await attempts(conn, task)
    assert [(each["outcome"], each["attempt"]) for each in shown] == [("released", 1)] * 3 + [("failed", 1)]
    await check_rows(conn, [task])


async def test_an_attempt_whose_task_waits_shows_as_suspended(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    (held,) = await claim(conn, await add_worker(conn))
    await wait_for(conn, held, "approved")
    await end(conn, held, Suspended("waits for the signal approved"))
    [shown] = await attempts(conn, task)
    assert (shown["outcome"], shown["error"]) == ("suspended", "suspended: waits for the signal approved")
    [detail] = (await get_attempts(conn, task)).latest
    assert detail.outcome == "suspended"
    history = msgspec.json.decode((await one_row(conn, history_statement().encode(), {"id": task}))[0])
    assert [one["outcome"] for one in history["attempts"]] == ["suspended"]


async def test_the_newest_released_attempts_are_kept_and_the_rest_is_counted(conn: Conn) -> None:
    (task,) = await enqueue(conn)
    before = "2026-01-01 00:00:00.000001Z"
    for outcome, count, begin in (
        ("failed", 1, before),
        ("released", 150, before),
        ("failed", 1, "2026-01-01 00:10Z"),
        ("released", 2, "2026-01-01 00:20Z"),  # whole seconds: each of them clears up
    ):
        await conn.execute(
            "INSERT INTO lapinq_attempts (task_id, attempt, final, outcome, finished_at)"
            " SELECT %s, 1, false, %s, %s::timestamptz + n * interval '1 s' FROM generate_series(1, %s) n",
            (task, outcome, begin, count),
        )
    shown = await attempts(conn, task)
    assert [each["outcome"] for each in shown] == ["failed", *["released"] * 98, "failed", *["released"] * 2]
    assert [each["left_out"] for each in shown if each["left_out"]] == [51, 52]

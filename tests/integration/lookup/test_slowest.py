"""Which tasks ran longest, of those that ended in a window."""

from lapinq_core.domain.figures import Figures, Window
from lapinq_core.domain.ids import new_id
from lapinq_core.figures import task_rollups
from lapinq_core.lookup import slowest
from tests.support.database.plans import plan, scanned_whole, touched
from tests.support.rows.factories import Conn, add_worker, claim, complete, enqueue


async def test_the_slowest_that_ended_in_the_window_come_first(conn: Conn) -> None:
    worker = await add_worker(conn)

    async def run(queue: str, task_name: str, seconds: float) -> str:
        (task_id,) = await enqueue(conn, queue_name=queue, task_name=task_name)
        await complete(conn, await claim(conn, worker, 1, queue=queue))
        await task_rollups.record(
            conn, {(queue, task_name): Figures(completed=1, slowest=[(seconds, task_id)])}
        )
        return task_id

    # It ended long ago; enqueued long ago and ended now is not the same.
    await run("a", "add", 99.0)
    await conn.execute("UPDATE lapinq_task_rollups SET since = since - interval '5 hours'")
    slow = await run("a", "add", 9.0)
    quick = await run("a", "send", 1.0)
    other = await run("b", "add", 5.0)
    gone = Figures(completed=1, slowest=[(7.0, new_id())])
    await task_rollups.record(conn, {("a", "add"): gone})
    for window in (Window.QUARTER, Window.HOUR):
        found = await slowest.of_queue(conn, window, "a")
        assert [(task.id, task.seconds, task.task_name) for task in found] == [
            (slow, 9.0, "add"),
            (quick, 1.0, "send"),
        ]
        assert [task.id for task in await slowest.of_task(conn, window, "add")] == [slow, other]
        assert [task.id for task in await slowest.of_task(conn, window, "add", frozenset({"b"}))] == [other]
    assert [task.seconds for task in await slowest.of_queue(conn, Window.DAY, "a")][:2] == [99.0, 9.0]


async def test_a_window_is_read_by_the_index_of_its_queue_or_name(database: str, conn: Conn) -> None:
    await conn.execute(
        "INSERT INTO lapinq_task_rollups (span, since, queue_name, task_name, slow_ids, slow_seconds)"
        " SELECT span, date_bin(make_interval(secs => span), lapinq_now(), to_timestamp(0))"
        " - make_interval(secs => n * span),"
        " 'queue ' || q, 'task ' || t, ARRAY[gen_random_uuid(), gen_random_uuid()], ARRAY[2.0, 1.0]"
        " FROM unnest(ARRAY[60, 900, 7200]) AS span, generate_series(0, 180) AS n, generate_series(1, 10) AS q,"
        " generate_series(1, 5) AS t ORDER BY n DESC, q, t"
    )
    await conn.execute("ANALYZE lapinq_task_rollups")
    given = {"most": 5, "queues": None, "span": 7200, "seconds": 7 * 86_400}
    for chosen, names in (
        ({"queue": "queue 7", "task_name": None}, 5),
        ({"queue": None, "task_name": "task 3"}, 10),
    ):
        found = await plan(conn, "slowest", {**given, **chosen})
        assert scanned_whole(found) == [], chosen
        assert touched(found) <= 110 * names, chosen

"""A claim looks where its tasks are, in one partition of many."""

from datetime import UTC, datetime, timedelta

from lapinq_core.db.rows import first_value
from lapinq_core.domain.ids import id_at
from lapinq_core.intake import enqueueing
from lapinq_core.tasks import claiming
from lapinq_core.tasks.claim_facts import facts_of
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, new_task

LOCKED = """
SELECT count(*)
  FROM pg_locks l
  JOIN pg_inherits i ON i.inhrelid = l.relation
 WHERE l.pid = pg_backend_pid()
   AND i.inhparent = 'lapinq_tasks'::regclass
"""


async def locked(conn: Conn) -> int:
    return await first_value(conn, LOCKED)


def id_of(day: datetime) -> str:
    return str(id_at(int(day.timestamp() * 1000)))


async def test_a_claim_locks_the_partition_of_its_tasks_only(database: str, conn: Conn) -> None:
    worker = await add_worker(conn)
    await enqueue(conn, 3)
    async with conn.transaction():
        assert len(await claim(conn, worker, 2)) == 2
        assert await locked(conn) <= 2  # two in the first and last hours of a week


async def test_older_tasks_are_claimed_in_their_order_and_for_a_while_it_looks_for_them_at_once(
    conn: Conn,
) -> None:
    worker = await add_worker(conn)
    long_ago = id_of(datetime.now(UTC) - timedelta(days=30))
    ahead = id_of(datetime.now(UTC) + timedelta(days=30))
    tasks = [new_task(), new_task(id=long_ago), new_task(), new_task(id=ahead)]
    for task in tasks:
        await enqueueing.enqueue(conn, [task])
    assert [one.id for one in await claim(conn, worker, 10)] == [task.id for task in tasks]
    assert facts_of(conn).everywhere_until > 0

    await enqueue(conn, 1)
    async with conn.transaction():
        assert len(await claim(conn, worker, 1)) == 1
        assert await locked(conn) > 2
    facts_of(conn).everywhere_until = 0.0
    await enqueue(conn, 1)
    assert len(await claim(conn, worker, 1)) == 1


def test_the_ids_of_a_week_reach_into_the_next_one_only_near_its_end() -> None:
    monday = datetime(2026, 11, 23, tzinfo=UTC)
    week = timedelta(days=7)
    for after, weeks in (
        (timedelta(hours=1), (-1, 1)),
        (timedelta(days=1), (0, 1)),
        (timedelta(days=6, hours=22), (0, 1)),
        (timedelta(days=6, hours=23), (0, 2)),
    ):
        since, until = claiming.near((monday + after).timestamp())
        assert (str(since), str(until)) == tuple(id_of(monday + number * week) for number in weeks)

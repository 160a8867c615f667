"""A week of ended tasks is dropped with its partitions when the time of all of them is over, and uncounted once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from psycopg import sql

from lapinq_core.domain.tasks.decide import Fail, Retry
from lapinq_core.domain.tasks.retention import Retention, read_keep
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks import actions, worker_verbs
from lapinq_core.tasks.worker_verbs import ended_as
from lapinq_core.upkeep import maintenance_jobs, retention_rounds
from lapinq_core.upkeep import weeks as dropping
from lapinq_core.upkeep.retention import DeletedBatch, delete_ended
from lapinq_core.upkeep.retention_rounds import STOPPED_SECONDS, RetentionRounds
from lapinq_core.upkeep.weeks import Busy, Verdict, Week, WeekCount, drop_week, watch_week
from tests.integration.upkeep.test_retention import DAY, LONG_AGO, MONTH, age, ended
from tests.support.database.invariants import check_invariants, check_rows
from tests.support.database.locks import is_held_up
from tests.support.eventually import eventually_async
from tests.support.rows.factories import Conn, Connections, add_worker, claim, counts, status
from tests.support.rows.weeks import enqueue_back_then, make_week, weeks


async def test_a_week_goes_with_its_partitions_once_all_of_it_is_over(conn: Conn) -> None:
    name = await make_week(conn, LONG_AGO)
    for each in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        await ended(conn, each, 40)
    await make_week(conn, 2)
    kept = await ended(conn, Status.COMPLETED, 1, weeks_ago=2)
    assert await drop_week(conn, MONTH) == Week(name, is_gone=True)
    assert await drop_week(conn, MONTH, name) is None
    assert name not in await weeks(conn)
    assert await counts(conn) == {"completed": 1}
    await check_rows(conn, [kept])
    assert await maintenance_jobs.ensure_partitions(conn) == 0


async def test_a_week_stays_as_it_is_while_one_task_is_to_be_kept_or_lives_or_a_status_is_kept_for_ever(
    conn: Conn,
) -> None:
    name = await make_week(conn, LONG_AGO)
    tasks = [await ended(conn, Status.COMPLETED, 40)]
    for of in (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.EXPIRED):
        tasks.append(await ended(conn, of, 29))
        assert await drop_week(conn, MONTH) == Week(name, is_gone=False), of
        await age(conn, tasks[-1], 40)
    every = dict.fromkeys(("completed", "failed", "cancelled", "expired"), DAY)
    for missing in every:
        kept_for_ever = Retention(**{of: days for of, days in every.items() if of != missing})
        assert await drop_week(conn, kept_for_ever) is None, missing
    tasks += await enqueue_back_then(conn, LONG_AGO)
    assert await drop_week(conn, MONTH) is None, "ready"
    (held,) = await claim(conn, await add_worker(conn))
    assert await drop_week(conn, MONTH) is None, "running"
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Retry(3600, "later"))])
    await age(conn, held.id, 40)
    assert await drop_week(conn, MONTH) is None, "delayed"
    assert await weeks(conn) == [name]
    await check_rows(conn, tasks)


async def test_a_week_is_over_when_its_longest_time_is_and_a_day(conn: Conn) -> None:
    names = [await make_week(conn, ago) for ago in (6, 5, 4, 2)]
    keep = read_keep(["1d", "failed=14d"])
    dropped = [await drop_week(conn, keep, after) for after in (None, *names[:3])]
    # The last one ended a week ago, and the one before three weeks ago.
    assert dropped == [*(Week(name, is_gone=True) for name in names[:3]), None]
    assert await weeks(conn) == names[3:]


async def test_of_two_processes_one_drops_a_week_and_it_is_uncounted_once(connections: Connections) -> None:
    one, two, looking = await connections(3)
    names = [await make_week(looking, ago) for ago in range(LONG_AGO, LONG_AGO - 3, -1)]
    for ago in range(LONG_AGO, LONG_AGO - 3, -1):
        for _ in range(3):
            await ended(looking, Status.COMPLETED, 40, weeks_ago=ago)
    kept = await ended(looking, Status.COMPLETED, 1)

    async def drop_all(conn: Conn) -> list[str]:
        gone: list[str] = []
        while await weeks(conn) != [names[0]]:
            if isinstance(week := await drop_week(conn, MONTH, names[0]), Week) and week.is_gone:
                gone.append(week.name)
        return gone

    async with asyncio.timeout(60):
        gone = await asyncio.gather(drop_all(one), drop_all(two))
    assert sorted(gone[0] + gone[1]) == names[1:]
    assert await counts(looking) == {"completed": 4}
    await check_rows(looking, [kept])


async def test_who_reads_or_writes_a_week_only_delays_its_end(connections: Connections) -> None:
    one, two = await connections(2)
    name = await make_week(one, LONG_AGO)
    task = await ended(one, Status.FAILED, 40)
    async with one.transaction():
        assert await status(one, task) == "failed"
        assert await drop_week(two, MONTH) == Week(name, is_gone=False)
        await check_rows(two, [task])
    async with one.transaction(force_rollback=True):
        assert await actions.requeue(one, task, by="lisa") == "default"
        assert await drop_week(two, MONTH) == Week(name, is_gone=False)
    await check_rows(two, [task])
    assert await drop_week(two, MONTH) == Week(name, is_gone=True)
    await check_rows(two, [])
    assert await counts(one) == {}


async def test_a_week_stays_whose_task_is_requeued_at_its_end(
    database: str, connections: Connections
) -> None:
    one, looking = await connections(2)
    name = await make_week(looking, LONG_AGO)
    task = await ended(looking, Status.FAILED, 40)
    await looking.execute(
        sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = serializable").format(
            sql.Identifier(looking.info.dbname)
        )
    )
    async with await Conn.open(database) as two:
        async with one.transaction():
            assert await actions.requeue(one, task, by="lisa") == "default"
            dropping = asyncio.ensure_future(drop_week(two, MONTH))
            await eventually_async(lambda: is_held_up(looking, two))
        assert await dropping == Week(name, is_gone=False)
    check_invariants(database, [task])


async def test_a_requeue_that_comes_while_a_week_is_dropped_finds_nothing(connections: Connections) -> None:
    one, two, looking = await connections(3)
    name = await make_week(looking, LONG_AGO)
    task = await ended(looking, Status.FAILED, 40)
    async with one.transaction():
        assert await drop_week(one, MONTH) == Week(name, is_gone=True)
        requeueing = asyncio.ensure_future(actions.requeue(two, task, by="lisa"))
        await eventually_async(lambda: is_held_up(looking, two))
    assert await requeueing is None
    await check_rows(looking, [])


async def test_partitions_are_not_made_and_dropped_at_once(connections: Connections) -> None:
    one, two = await connections(2)
    name = await make_week(one, LONG_AGO)
    async with one.transaction():
        assert await drop_week(one, MONTH) == Week(name, is_gone=True)
        assert await drop_week(two, MONTH) == Busy()
        assert await maintenance_jobs.ensure_partitions(two, 9) == 0
    assert await maintenance_jobs.ensure_partitions(two, 3) == 2


async def test_a_week_is_waited_for_while_somebody_is_at_the_partitions(database: str, conn: Conn) -> None:
    await make_week(conn, LONG_AGO)
    async with await Conn.open(database) as other:
        rounds = RetentionRounds(MONTH)
        async with conn.transaction():
            await conn.execute("SELECT pg_advisory_xact_lock(hashtext('lapinq_ensure_partitions'))")
            assert [await rounds.turn(other) for _ in range(3)] == [STOPPED_SECONDS] * 3
        for _ in ("watch", "count", "drop"):
            await rounds.turn(other)
    assert await weeks(conn) == []


async def watched(conn: Conn) -> WeekCount:
    count = await watch_week(conn, MONTH)
    assert isinstance(count, WeekCount)
    return count


async def test_a_week_is_counted_by_windows_and_by_queue(conn: Conn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dropping, "WINDOW", 2)
    await make_week(conn, LONG_AGO)
    for queue in ("a", "b", "a"):
        await ended(conn, Status.EXPIRED, 40, queue_name=queue)
    await ended(conn, Status.FAILED, 40)
    kept = await ended(conn, Status.FAILED, 1, weeks_ago=2)
    count = await watched(conn)
    steps = [await count.step(conn) for _ in range(4)]
    assert steps == [Verdict.COUNTING, Verdict.COUNTING, Verdict.COUNTING, Verdict.GONE]
    assert [await counts(conn, queue) for queue in ("a", "b", "default")] == [{}, {}, {"failed": 1}]
    await check_rows(conn, [kept])


async def requeue(conn: Conn, task: str) -> None:
    assert await actions.requeue(conn, task, by="lisa") == "default"


async def run_again(conn: Conn, task: str) -> None:
    await requeue(conn, task)
    (held,) = await claim(conn, await add_worker(conn))
    await worker_verbs.settle(conn, [ended_as(held.id, held.token, Fail("again"))])


async def delete(conn: Conn, task: str) -> None:
    assert await delete_ended(conn, Status.FAILED, 30 * DAY, limit=1) == DeletedBatch(1, task)


async def roll_back(conn: Conn, task: str) -> None:
    async with conn.transaction(force_rollback=True):
        await requeue(conn, task)


async def enter(conn: Conn, _task: str) -> None:
    await enqueue_back_then(conn, LONG_AGO)


@pytest.mark.parametrize("change", [requeue, run_again, delete, roll_back, enter])
async def test_a_week_that_changes_during_the_count_stays(
    conn: Conn, change: Callable[[Conn, str], Awaitable[None]]
) -> None:
    name = await make_week(conn, LONG_AGO)
    task, _ = [await ended(conn, Status.FAILED, 40) for _ in range(2)]
    count = await watched(conn)
    assert await count.step(conn) is Verdict.COUNTING
    await change(conn, task)
    assert await count.step(conn) is Verdict.STAYS
    assert await weeks(conn) == [name]
    await check_rows(conn, [])


async def test_a_change_that_commits_during_the_count_was_waited_for(connections: Connections) -> None:
    one, two, looking = await connections(3)
    name = await make_week(looking, LONG_AGO)
    task = await ended(looking, Status.FAILED, 40)
    await watched(looking)
    async with one.transaction():
        await requeue(one, task)
        watching = asyncio.ensure_future(watch_week(two, MONTH))
        await eventually_async(lambda: is_held_up(looking, two))
    count = await watching
    assert isinstance(count, WeekCount)
    assert await count.step(two) is Verdict.STAYS
    assert await weeks(looking) == [name]


async def test_rounds_keep_a_count_while_somebody_reads(
    database: str, conn: Conn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "PARENT_LOCK_SECONDS", 0.001)
    monkeypatch.setattr(retention_rounds, "DROP_TRIES", 3)
    name = await make_week(conn, LONG_AGO)
    await ended(conn, Status.COMPLETED, 40)
    async with await Conn.open(database) as other:
        rounds = RetentionRounds(MONTH)
        async with conn.transaction():
            await conn.execute("SELECT FROM lapinq_tasks")
            pauses = [await rounds.turn(other) for _ in range(4)]
        assert pauses[2:] == [STOPPED_SECONDS] * 2
        assert await weeks(conn) == [name]
        await rounds.turn(other)
    assert await weeks(conn) == []
    assert await counts(conn) == {}

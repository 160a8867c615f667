"""A private database, a worker that drains it, and time that passes there."""

import asyncio
import importlib
import os
import time
from collections.abc import Iterator

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from lapinq import LapinqError, RetryError, TaskQueue, current_task
from lapinq.errors import RequestRefused
from lapinq.testing import Database, DatabaseWorker, EnqueuedTasks, database, databases, inline, travel
from tests.support.drivers.django_connection import django_connection

queue = TaskQueue("http://192.0.2.1")
seen: list[int] = []


@queue.task
def note(number: int) -> int:
    seen.append(number)
    return number


@queue.task
def completes_itself() -> None:
    with current_task().transaction(result="stored") as conn:
        conn.execute("SELECT 1")


@queue.task
async def fails_once() -> int:
    task = current_task()
    if task.attempt == 1:
        raise RetryError(600)
    return task.attempt


@queue.task(max_retries=0)
def is_approved_later() -> str:
    task = current_task()
    task.step("note", note, 1)
    task.sleep(3600)
    return task.wait_for_signal("approved", timeout=86400)


@queue.task
def sleeps() -> None:
    while not current_task().cancelled:
        time.sleep(0.01)


@queue.task
async def count_orders(url: str) -> int:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    async with AsyncSession(engine) as session:
        rows = await session.scalar(sa.text("SELECT count(*) FROM orders"))
    await engine.dispose()
    return rows or 0


@pytest.fixture(scope="module", autouse=True)
def on_the_server_of_the_run(postgres_url: str, template_database: str) -> Iterator[None]:
    given = databases.Template(postgres_url, template_database, os.getpid())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(databases, "prepared", given)
        yield


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def test_all_queues_lead_to_the_database_and_a_worker_drains_it(
    lapinq_database: Database, lapinq_worker: DatabaseWorker
) -> None:
    refs = [note.queue(number) for number in range(3)]
    batch = queue.batch_enqueue([note.entry(3), note.entry(4)])
    cancelled = note.queue(5)
    assert (refs[0].status(), cancelled.cancel()) == ("pending", True)
    transaction = completes_itself.queue()
    lapinq_worker.drain()
    assert sorted(seen) == [0, 1, 2, 3, 4]
    assert [ref.result() for ref in (*refs, *batch)] == [0, 1, 2, 3, 4]
    assert (transaction.result(), cancelled.status()) == ("stored", "cancelled")
    with pytest.raises(RequestRefused, match="NUL"):
        note.options(metadata={"order": "\0"}).queue(1)
    with database():
        assert refs[0].status() is None

    engine = sa.create_engine(lapinq_database.url.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session:
        lost = note.using(session).queue(6)
        session.rollback()
        kept = note.using(session).queue(7)
        session.commit()
    engine.dispose()
    lapinq_worker.drain()
    assert (lost.status(), kept.result(), seen[5:]) == (None, 7, [7])


async def test_it_works_from_coroutines(lapinq_database: Database) -> None:
    ref = await note.aqueue(1)
    assert note.queue(2).status() == "pending"
    await DatabaseWorker(lapinq_database, worker_concurrency=1).adrain()
    assert await ref.aresult() == 1
    with pytest.raises(LapinqError, match="await adrain"):
        DatabaseWorker(lapinq_database).drain()


async def test_it_has_what_the_process_declares(postgres_url: str) -> None:
    declaring = TaskQueue("http://192.0.2.1", "declared")
    declaring.limit("declared-before", max_running=1)
    declaring.policy(max_running=1)
    with database() as found, psycopg.connect(found.url) as conn:
        declaring.limit("declared-later", rate="5/m")
        ref = await note.options(limits={"declared-before": 1, "declared-later": 5}).aqueue(1)
        assert await ref.astatus() == "pending"
        assert conn.execute("SELECT max_running FROM lapinq_queues WHERE name = 'declared'").fetchone() == (
            1,
        )
    declaring.limit("declared-afterwards", max_running=1)  # no database to store it in


def test_inline_tasks_follow_the_commits_of_async_sqlalchemy_and_of_django(lapinq_database: Database) -> None:
    async def main() -> None:
        engine = create_async_engine(lapinq_database.url.replace("postgresql://", "postgresql+psycopg://"))
        async with AsyncSession(engine) as session:
            await session.execute(sa.text("CREATE TABLE orders (id integer)"))
            ref = await count_orders.using(session).aqueue(lapinq_database.url)
            assert await ref.astatus() == "pending"
            await session.commit()
            assert await ref == 0
        async with engine.connect() as conn:
            await conn.execute(sa.text("INSERT INTO orders VALUES (1)"))
            ref = await count_orders.using(conn).aqueue(lapinq_database.url)
            assert await ref.astatus() == "pending"
            await conn.commit()
            assert await ref == 1
            lost = await count_orders.using(conn).aqueue(lapinq_database.url)
            await conn.rollback()
            assert await lost.astatus() is None
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as conn:
            assert await (await count_orders.using(conn).aqueue(lapinq_database.url)).astatus() == "completed"
        await engine.dispose()

    with inline():
        asyncio.run(main())
    with inline(), django_connection(lapinq_database.url) as django:
        transaction = importlib.import_module("django.db.transaction")
        with transaction.atomic(using=django.alias):
            kept = note.using(django).queue(1)
            assert (kept.status(), seen) == ("pending", [])
        assert (kept.result(), seen) == (1, [1])
        with transaction.atomic(using=django.alias):
            note.using(django).queue(2)
            transaction.set_rollback(True, using=django.alias)
        assert seen == [1]
        note.using(django).queue(3)
        assert seen == [1, 3]


def test_a_connection_of_psycopg_does_not_tell_of_its_rollback_and_the_assertion_says_so(
    lapinq_database: Database, lapinq_captured: EnqueuedTasks
) -> None:
    with psycopg.connect(lapinq_database.url) as conn:
        note.using(conn).queue(1)
        conn.rollback()
    with pytest.raises(AssertionError, match=r"not tell whether its transaction commits.*lapinq_database"):
        lapinq_captured.assert_enqueued(note, times=0)
    with pytest.raises(AssertionError) as caught:
        lapinq_captured.assert_enqueued(note, times=2)
    assert "lapinq_database" not in str(caught.value)


def test_a_retry_runs_when_its_time_has_come_and_a_drain_has_a_time_limit(
    lapinq_database: Database, lapinq_worker: DatabaseWorker
) -> None:
    ref = fails_once.queue()
    lapinq_worker.drain()
    travel(300)
    lapinq_worker.drain()
    assert ref.status() == "pending"
    travel(301)
    lapinq_worker.drain()
    assert ref.result() == 2
    endless = sleeps.queue()
    with pytest.raises(TimeoutError, match=r"after 0\.3 s"):
        lapinq_worker.drain(timeout=0.3)
    assert endless.status() == "pending"  # what runs is released


def test_a_durable_task_sleeps_until_the_clock_has_moved_and_takes_its_signal(
    lapinq_database: Database, lapinq_worker: DatabaseWorker
) -> None:
    refs = [is_approved_later.queue() for _ in range(2)]
    lapinq_worker.drain()
    travel(1800)
    lapinq_worker.drain()
    with psycopg.connect(lapinq_database.url) as conn:
        conn.execute("SELECT lapinq_signal(%s, 'approved', '\"by Eva\"')", (refs[0].task_id,))
    lapinq_worker.drain()
    assert [ref.status() for ref in refs] == ["pending"] * 2  # they sleep
    travel(1800)
    lapinq_worker.drain()
    assert (refs[0].result(), refs[1].status(), seen) == ("by Eva", "pending", [1, 1])
    travel(86400)
    lapinq_worker.drain()
    assert refs[1].wait()["error"].startswith("WaitTimeout")

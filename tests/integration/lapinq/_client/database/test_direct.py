"""A queue without a server: outages, forks, its thread, large batches. ../test_client.py has what both do."""

import asyncio
import os
import threading
import uuid
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from lapinq import AsyncTaskQueue, TaskQueue
from lapinq.errors import RequestRefused, ServerUnavailable
from lapinq_core.db.notify import ready_notices
from tests.support.database import ready_channels
from tests.support.database.postgres import private_database
from tests.support.database.proxy import proxy
from tests.support.drivers.urls import plain_url
from tests.support.eventually import eventually
from tests.support.rows.named_limits import add_limit
from tests.support.sample import tasks


@pytest.fixture(scope="module")
def url(postgres_url: str, template_database: str) -> Iterator[str]:
    with private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def queue(url: str) -> Iterator[TaskQueue]:
    with TaskQueue(plain_url(url), uuid.uuid4().hex) as queue:
        yield queue


def stored(url: str, queue: TaskQueue | AsyncTaskQueue) -> int:
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT count(*) FROM lapinq_tasks WHERE queue_name = %s", (queue.queue_name,)
        ).fetchone()
        assert row is not None
        return row[0]


def test_threads_and_event_loops_share_one_thread_and_few_connections(url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    before = set(threading.enumerate())
    with ThreadPoolExecutor(8) as pool:
        refs = [one.result() for one in [pool.submit(add.queue, 1, n) for n in range(100)]]

    async def main() -> None:
        refs.extend(await asyncio.gather(*(add.aqueue(1, n) for n in range(100))))

    asyncio.run(main())
    assert len({ref.task_id for ref in refs}) == stored(url, queue) == 200
    (thread,) = set(threading.enumerate()) - before
    assert thread.name == "lapinq client"
    with psycopg.connect(url) as conn:
        rows = conn.execute(
            "SELECT FROM pg_stat_activity"
            " WHERE application_name = 'lapinq client' AND datname = current_database()"
        ).fetchall()
        assert 1 <= len(rows) <= 5
    queue.close()
    assert not thread.is_alive()
    assert add.queue(1, 1).status() == "pending"  # it opens again


def test_workers_are_notified(url: str, queue: TaskQueue) -> None:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(ready_channels.LISTEN)
        queue.task(tasks.add).queue(1, 2)
        queue.batch_enqueue([queue.task(tasks.add).entry(1, 2)])
        heard = [ready_notices.read(one.payload) for one in conn.notifies(timeout=10, stop_after=4)]
        assert [one.queue for one in heard if one.count] == [queue.queue_name] * 2


def test_a_large_batch_is_stored_as_a_whole_or_not_at_all(url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    entries = [add.entry(1, n) for n in range(1_001)]
    with psycopg.connect(url, autocommit=True) as conn:
        add_limit(conn, "openai", burst=5)
    priority = {"loc": "[1001].priority", "msg": "must be between -2147483648 and 2147483647"}
    limit = {
        "loc": "[1001].limits.tpu",
        "msg": "is not a limit that exists; `lapinq limit set tpu --max-running 10` creates it, `lapinq apply MODULE`"
        " those that a module declares",
    }
    for wrong, detail in (({"priority": 2**40}, priority), ({"limits": {"openai": 5, "tpu": 1}}, limit)):
        with pytest.raises(RequestRefused) as refused:
            queue.batch_enqueue([*entries, {**entries[0], **wrong}])
        assert refused.value.details == [detail]
    assert stored(url, queue) == 0
    key = f"all of them {queue.queue_name}"
    batch = queue.batch_enqueue(iter(entries), idempotency_key=key)
    again = queue.batch_enqueue(entries, idempotency_key=key)
    assert batch.task_ids == again.task_ids
    assert len(batch) == stored(url, queue) == 1_001
    with pytest.raises(RequestRefused, match=r"limits\.tpu is not a limit that exists"):
        add.options(limits={"tpu": 1}).queue(1, 1)
    assert add.options(key="acme", limits={"openai": 5}).queue(1, 1).task_id


def test_a_forked_child_has_its_own_connections(url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    add.queue(0, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's, about the thread
        pid = os.fork()
    if pid == 0:
        try:
            add.queue(1, 1)
            queue.close()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    add.queue(2, 2)
    assert stored(url, queue) == 3


def test_a_database_that_is_away_is_an_error_after_the_timeout(url: str) -> None:
    with proxy(url) as wire, TaskQueue(plain_url(wire.url), uuid.uuid4().hex, timeout=1.0) as queue:
        add = queue.task(tasks.add)
        wire.cut()
        with pytest.raises(ServerUnavailable, match=r"no answer from postgresql://") as never:
            add.queue(1, 1)
        assert not never.value.may_have_arrived
        wire.heal()
        add.queue(1, 2)

        wire.swallow_after(b"module_path")
        with pytest.raises(ServerUnavailable) as perhaps:
            add.queue(1, 3)
        assert perhaps.value.may_have_arrived
        wire.heal()

        def is_back() -> bool:
            try:
                return add.queue(1, 4).status() == "pending"
            except ServerUnavailable:
                return False

        eventually(is_back, 20)


def test_what_no_repetition_changes_is_said_at_once(url: str, postgres_url: str) -> None:
    with (
        TaskQueue(plain_url(postgres_url)) as queue,
        pytest.raises(RequestRefused, match="run `lapinq migrate`"),
    ):
        queue.task(tasks.add).queue(1, 1)
    nowhere = plain_url(url).replace("lapinq_test_", "missing_")
    with (
        TaskQueue(nowhere) as queue,
        pytest.raises(RequestRefused, match=r'database "missing_\w+" does not exist'),
    ):
        queue.task(tasks.add).queue(1, 1)


def test_the_forms_of_other_libraries_are_understood(url: str) -> None:
    for scheme in ("postgres://", "postgresql+psycopg://", "postgresql+asyncpg://"):
        with TaskQueue(plain_url(url).replace("postgresql://", scheme)) as queue:
            assert queue.task(tasks.add).queue(1, 1).status() == "pending"


async def test_a_cancelled_wait_leaves_nothing_behind(url: str) -> None:
    async with AsyncTaskQueue(plain_url(url), uuid.uuid4().hex) as queue:
        ref = await queue.task(tasks.add).aqueue(1, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ref.aresult(timeout=60), 0.2)
        assert await ref.astatus() == "pending"
        assert await ref.acancel()


def test_a_unique_task_is_enqueued_once_and_its_key_may_be_busy(url: str, queue: TaskQueue) -> None:
    add = queue.task(unique=lambda a, *_: f"{a}")(tasks.add)
    with ThreadPoolExecutor(16) as pool:
        refs = [one.result() for one in [pool.submit(add.queue, 1, n) for n in range(100)]]
    assert len({ref.task_id for ref in refs}) == stored(url, queue) == 1
    assert sum(not ref.existing for ref in refs) == 1
    batch = queue.batch_enqueue([add.entry(1, 1), add.entry(2, 2)])
    assert batch.existing == [0]
    with pytest.raises(RequestRefused) as refused:
        add.options(unique={"key": "1", "on_conflict": "reject"}).queue(1, 1)
    assert refused.value.task_id == refs[0].task_id
    with psycopg.connect(url) as conn:
        add.using(conn).queue(3, 3)
        asks_once = TaskQueue(queue.server_url, queue.queue_name, raise_errors=False)
        busy = asks_once.task(unique="3", name="add")(tasks.add).queue(3, 3)
        asks_once.close()
        assert busy.status_code == 503
        assert busy.json() == {"error": "another transaction with the same unique key has not ended"}
        assert not add.queue(4, 4).existing
        conn.rollback()
    assert not add.queue(3, 3).existing

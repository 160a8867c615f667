"""Storing tasks and waking the workers in one message, before the disk has them."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

import psycopg
import pytest

from lapinq_core.db.notify import ready_notices
from lapinq_core.db.notify.notifier import Notifier
from lapinq_core.db.pool import make_pool
from lapinq_core.db.rows import first_value, maybe_row
from lapinq_core.intake.announced import flush, may_start_now, take_in_announced, take_in_ready
from tests.support.database import ready_channels
from tests.support.database.pgbouncer import PROGRAM, pooler
from tests.support.rows.factories import Conn, Connections, counts, new_task, status


async def test_tasks_are_stored_and_workers_hear_of_each_queue_once(connections: Connections) -> None:
    conn, listener = await connections(2)
    await listener.execute(ready_channels.LISTEN)
    tasks = [new_task(queue_name=queue) for queue in ("a", 'it\'s "b"', "a")]
    assert (await take_in_announced(conn, tasks)).queues == set()
    heard = [ready_notices.read(one.payload) async for one in listener.notifies(timeout=5, stop_after=5)]
    told = Counter[str]()
    for one in heard:
        told[one.queue] += one.count
    assert told == {"a": 2, 'it\'s "b"': 1}
    assert await counts(conn, "a") == {"pending": 2}
    with pytest.raises(psycopg.errors.UniqueViolation):
        await take_in_announced(conn, [new_task(), tasks[0]])
    assert await counts(conn) == {}


async def test_without_a_notice_all_are_stored_or_none(conn: Conn) -> None:
    tasks = [new_task(queue_name=queue) for queue in ("a", "b", "a")]
    assert (await take_in_ready(conn, tasks)).queues == {"a", "b"}
    with pytest.raises(psycopg.errors.UniqueViolation):
        await take_in_ready(conn, [new_task(queue_name="a"), tasks[0]])
    assert await counts(conn, "a") == {"pending": 2}
    assert await counts(conn) == {}


async def test_when_notify_fails_the_tasks_are_stored_and_left_to_announce(conn: Conn) -> None:
    await conn.execute(
        "CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'no notices today'; END $$"
    )
    await conn.execute("SET search_path = public, pg_catalog")
    task = new_task()
    assert (await take_in_announced(conn, [task])).queues == {"default"}
    assert await status(conn, task.id) == "pending"


async def test_what_was_committed_before_a_flush_is_on_disk_after_it(conn: Conn) -> None:
    await conn.execute("CREATE TABLE notes (note text)")
    await conn.execute("SET synchronous_commit = off")
    await conn.execute("INSERT INTO notes VALUES ('x')")
    [end] = await maybe_row(conn, "SELECT pg_current_wal_insert_lsn()") or [None]
    await conn.execute("RESET synchronous_commit")
    await flush(conn)
    assert await first_value(conn, "SELECT pg_current_wal_flush_lsn() >= %s::pg_lsn", (end,))


@pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer")
def test_clients_of_a_pooler_share_two_connections_and_nothing_leaks(database: str) -> None:
    async def test(*clients: Conn) -> None:
        *enqueuers, other, listener = clients
        await listener.execute(ready_channels.LISTEN)

        async def enqueue(conn: Conn, queue: str) -> None:
            taken = new_task(queue_name=queue)
            await take_in_announced(conn, [taken])
            for _ in range(4):
                with pytest.raises(psycopg.errors.UniqueViolation):
                    await take_in_announced(conn, [taken])
                async with conn.transaction(force_rollback=True):  # drops prepared statements
                    await conn.execute("SELECT 1", prepare=True)
                assert (await take_in_announced(conn, [new_task(queue_name=queue)])).queues == set()

        async def look() -> None:
            for _ in range(20):
                assert await first_value(other, "SHOW synchronous_commit") == "on"

        await asyncio.gather(look(), *(enqueue(conn, f"q{n}") for n, conn in enumerate(enqueuers)))
        for n in range(len(enqueuers)):
            assert await counts(other, f"q{n}") == {"pending": 5}
        heard = [
            ready_notices.read(one.payload)
            async for one in listener.notifies(timeout=5, stop_after=2 * 9 * len(enqueuers))
        ]
        assert Counter(one.queue for one in heard if one.count) == {
            f"q{n}": 9 for n in range(len(enqueuers))
        }  # also of what was refused

    async def run(pooled: str) -> None:
        async with AsyncExitStack() as stack:
            urls = [*[pooled] * 5, database]
            await test(*[await stack.enter_async_context(await Conn.open(url)) for url in urls])

    with pooler(database, 2) as pooled:
        asyncio.run(run(pooled))


def test_delayed_and_fire_and_forget_tasks_are_stored_otherwise() -> None:
    assert may_start_now([new_task(), new_task(ttl_seconds=5.0)])
    assert not may_start_now([new_task(), new_task(ttl_seconds=0.0)])


async def test_one_sender_at_a_time_has_the_turn_to_notify() -> None:
    notifier = Notifier(make_pool("", "test", 1, timeout=1.0), min_interval=60.0)
    assert notifier.take_turn()
    assert not notifier.take_turn()
    waiting = Notifier(make_pool("", "test", 1, timeout=1.0))
    waiting.wake(["default"])
    assert not waiting.take_turn(), "what waits already goes first"

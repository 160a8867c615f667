"""Enqueueing in the caller's transaction, with every driver: tasks and notices exist if it commits, and only then."""

import asyncio
import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from lapinq import BatchRef, Middleware, TaskQueue, TaskRef
from lapinq._client.transaction import insertion
from lapinq.errors import RequestRefused
from tests.support.database.postgres import private_database
from tests.support.drivers.django_connection import django_connection
from tests.support.drivers.for_coroutines import FOR_COROUTINES
from tests.support.drivers.plain import PLAIN
from tests.support.drivers.urls import plain_url, sqlalchemy_url
from tests.support.rows.named_limits import add_limit
from tests.support.sample import tasks


@pytest.fixture(scope="module")
def url(postgres_url: str, template_database: str) -> Iterator[str]:
    with private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def queue() -> TaskQueue:
    return TaskQueue(queue_name=uuid.uuid4().hex)


@pytest.fixture
def listener(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("LISTEN lapinq_ready; LISTEN lapinq_delayed")
        yield conn


def _customer(a: int, _: int) -> str:
    return f"customer {a}"


class Stored:
    """What others see of a queue."""

    def __init__(self, listener: psycopg.Connection, queue: TaskQueue) -> None:
        self._listener = listener
        self._queue = queue.queue_name

    def ids(self) -> set[str]:
        rows = self._listener.execute(
            "SELECT t.id FROM lapinq_tasks t JOIN lapinq_ready r USING (id) WHERE t.queue_name = %s",
            (self._queue,),
        )
        return {str(row[0]) for row in rows}

    def rows(self, query: LiteralString) -> list[Any]:
        return self._listener.execute(query, (self._queue,)).fetchall()

    def notices(self) -> list[tuple[str, str]]:
        """Those that were sent since the last call. They arrive in the order of the commits, so ours comes last."""
        self._listener.execute("NOTIFY lapinq_ready, 'the last one'")
        sent: list[tuple[str, str]] = []
        for one in self._listener.notifies(timeout=10):
            if one.payload == "the last one":
                return sent
            sent.append((one.channel, one.payload))
        raise AssertionError("our own notice did not arrive")


@pytest.fixture
def stored(listener: psycopg.Connection, queue: TaskQueue) -> Stored:
    return Stored(listener, queue)


@pytest.mark.parametrize("driver", PLAIN)
def test_tasks_and_notices_exist_if_the_transaction_commits(
    driver: str, url: str, queue: TaskQueue, stored: Stored
) -> None:
    ready = [("lapinq_ready", queue.queue_name)]
    with PLAIN[driver](url) as user:
        add = queue.task(tasks.add).using(user.connection)
        lost = add.queue(1, 1).task_id
        assert (stored.ids(), stored.notices()) == (set(), [])
        user.rollback()
        assert (stored.ids(), stored.notices()) == (set(), [])

        kept = [add.queue(1, n).task_id for n in range(3)]
        with user.savepoint():
            kept.append(add.queue(2, 2).task_id)
        with suppress(ZeroDivisionError), user.savepoint():
            add.queue(3, 3)
            raise ZeroDivisionError
        assert (stored.ids(), stored.notices()) == (set(), [])
        user.commit()
        assert stored.ids() == set(kept)
        assert lost not in kept
        assert stored.notices() == ready

        user.commit()
        assert stored.notices() == []


@pytest.mark.parametrize("driver", FOR_COROUTINES)
async def test_the_same_holds_for_coroutines(driver: str, url: str, queue: TaskQueue, stored: Stored) -> None:
    ready = [("lapinq_ready", queue.queue_name)]
    async with FOR_COROUTINES[driver](url) as user:
        add = queue.task(tasks.add).using(user.connection)
        lost = (await add.aqueue(1, 1)).task_id
        await user.rollback()
        assert (stored.ids(), stored.notices()) == (set(), [])

        kept = [(await add.aqueue(1, n)).task_id for n in range(3)]
        async with user.savepoint():
            kept.append((await add.aqueue(2, 2)).task_id)
        with suppress(ZeroDivisionError):
            async with user.savepoint():
                await add.aqueue(3, 3)
                raise ZeroDivisionError
        assert (stored.ids(), stored.notices()) == (set(), [])
        await user.commit()
        assert stored.ids() == set(kept)
        assert lost not in kept
        assert stored.notices() == ready


class LargeBatch:
    """More than a statement may store here, with all that takes a statement of its own: a limit, and keys."""

    def __init__(self, queue: TaskQueue, listener: psycopg.Connection) -> None:
        add_limit(listener, "openai", burst=5)
        add = queue.task(tasks.add)
        special = add.options(key="acme", limits={"openai": 5}, unique="k")
        plain = [add.entry(1, n) for n in range(20)]
        self.entries = [special.entry(1, 1), *plain, special.entry(2, 2)]
        self.wrong = [*self.entries, {**add.entry(1, 1), "priority": 2**40}]
        self.key = f"all of them {queue.queue_name}"

    def check_refusal(self, error: RequestRefused) -> None:
        between = "must be between -2147483648 and 2147483647"
        assert error.details == [{"loc": "[22].priority", "msg": between}]

    def check(self, batch: BatchRef, again: BatchRef, stored: Stored) -> None:
        """After a rollback, a refusal and a commit."""
        assert (batch.existing, again.json()) == ([21], batch.json())
        assert stored.ids() == set(batch.task_ids)
        assert len(stored.ids()) == 21
        special = "SELECT key, limits, unique_key FROM lapinq_tasks WHERE queue_name = %s AND key IS NOT NULL"
        assert stored.rows(special) == [("acme", {"openai": 5}, "k")]


@pytest.fixture
def large(queue: TaskQueue, listener: psycopg.Connection, monkeypatch: pytest.MonkeyPatch) -> LargeBatch:
    monkeypatch.setattr(insertion, "MAX_TASKS_AT_ONCE", 10)
    return LargeBatch(queue, listener)


@pytest.mark.parametrize("driver", PLAIN)
def test_a_large_batch_is_stored_as_a_whole_or_not_at_all(
    driver: str, url: str, queue: TaskQueue, stored: Stored, large: LargeBatch
) -> None:
    with PLAIN[driver](url) as user:
        on_connection = queue.using(user.connection)
        on_connection.batch_enqueue(large.entries)
        user.rollback()
        assert stored.ids() == set()
        with pytest.raises(RequestRefused, match="the batch was not enqueued: 400") as refused:
            on_connection.batch_enqueue(iter(large.wrong))
        large.check_refusal(refused.value)
        batch, again = (
            on_connection.batch_enqueue(large.entries, idempotency_key=large.key) for _ in range(2)
        )
        assert stored.ids() == set()
        user.commit()
        large.check(batch, again, stored)


@pytest.mark.parametrize("driver", FOR_COROUTINES)
async def test_a_large_batch_of_coroutines_is_too(
    driver: str, url: str, queue: TaskQueue, stored: Stored, large: LargeBatch
) -> None:
    async with FOR_COROUTINES[driver](url) as user:
        on_connection = queue.using(user.connection)
        await on_connection.batch_enqueue(large.entries)
        await user.rollback()
        assert stored.ids() == set()
        with pytest.raises(RequestRefused, match="the batch was not enqueued: 400") as refused:
            await on_connection.batch_enqueue(iter(large.wrong))
        large.check_refusal(refused.value)
        batch = await on_connection.batch_enqueue(large.entries, idempotency_key=large.key)
        again = await on_connection.batch_enqueue(large.entries, idempotency_key=large.key)
        assert stored.ids() == set()
        await user.commit()
        large.check(batch, again, stored)


def test_a_limit_must_exist_and_hold_what_a_task_takes(
    url: str, queue: TaskQueue, stored: Stored, large: LargeBatch
) -> None:
    add = queue.task(tasks.add).options(key=_customer, limits={"openai": 5})
    with psycopg.connect(url) as conn:
        kept = add.using(conn).queue(1, 1).task_id
        for limits, problem in (({"tpu": 1}, "is not a limit"), ({"openai": 6}, "must be at most 5")):
            wrong = add.options(limits=limits)
            with pytest.raises(RequestRefused, match=rf"limits\.{next(iter(limits))} {problem}"):
                wrong.using(conn).queue(2, 2)
            with pytest.raises(RequestRefused) as refused:
                queue.using(conn).batch_enqueue([*large.entries, wrong.entry(2, 2)])
            assert refused.value.details[0]["loc"] == f"[22].limits.{next(iter(limits))}"
        many = queue.using(conn).batch_enqueue([add.entry(n, n) for n in range(3)]).task_ids
        assert queue.using(conn).batch_enqueue([]).json() == {"task_ids": []}
        unsendable: Any = add.entry
        with pytest.raises(TypeError, match=r"tasks\[22\]\.args\[0\] cannot be sent as JSON"):
            queue.using(conn).batch_enqueue([*large.entries, unsendable(object(), 1)])
        conn.commit()
    assert stored.ids() == {kept, *many}
    rows = stored.rows("SELECT key, limits FROM lapinq_tasks WHERE queue_name = %s ORDER BY id")
    assert rows == [(f"customer {n}", {"openai": 5}) for n in (1, 0, 1, 2)]


def test_without_a_transaction_it_is_stored_at_once(
    url: str, queue: TaskQueue, stored: Stored, large: LargeBatch
) -> None:
    add = queue.task(tasks.add)
    expected: set[str | None] = set()
    engine = create_engine(sqlalchemy_url(url, "psycopg"), isolation_level="AUTOCOMMIT")
    with (
        psycopg.connect(url, autocommit=True) as conn,
        django_connection(url) as django,
        engine.connect() as on_engine,
    ):
        for number, connection in enumerate((conn, django, on_engine)):
            expected.add(add.using(connection).queue(1, 2).task_id)
            assert stored.ids() == expected
            unique = add.options(unique=f"k{number}").using(connection)
            first, again = unique.queue(1, 2), unique.queue(1, 2)
            assert (first.existing, again.existing) == (False, True)
            expected.add(first.task_id)
            assert stored.ids() == expected
            expected.update(queue.using(connection).batch_enqueue(large.entries[1:-1]).task_ids)
            assert stored.ids() == expected
    engine.dispose()
    assert set(stored.notices()) == {("lapinq_ready", queue.queue_name)}


def test_tasks_without_a_record_and_those_due_soon_are_announced_too(
    url: str, queue: TaskQueue, stored: Stored
) -> None:
    noop = queue.task(tasks.noop)
    with psycopg.connect(url) as conn:
        assert noop.options(ttl_seconds=0).using(conn).queue().task_id is None
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        noop.options(scheduled_at=soon).using(conn).queue()
        noop.options(scheduled_at=soon + timedelta(hours=1)).using(conn).queue()
        conn.commit()
    assert sorted(stored.notices()) == [("lapinq_delayed", "0"), ("lapinq_ready", queue.queue_name)]
    assert len(stored.rows("SELECT FROM lapinq_transient WHERE queue_name = %s")) == 1
    assert len(stored.rows("SELECT FROM lapinq_delayed WHERE queue_name = %s")) == 2


def test_a_key_stores_one_request_once(url: str, queue: TaskQueue, stored: Stored) -> None:
    key = uuid.uuid4().hex + ' "\\ {}'
    keyed = queue.task(tasks.add).options(idempotency_key=key)

    def code_of(*args: int) -> int:
        with pytest.raises(RequestRefused) as refused:
            keyed.using(other).queue(*args)
        return refused.value.status_code

    with psycopg.connect(url) as conn, psycopg.connect(url) as other:
        keyed.using(conn).queue(1, 2)
        conn.rollback()  # and with the task goes its key
        first = keyed.using(conn).queue(1, 2).task_id
        assert keyed.using(conn).queue(1, 2).task_id == first
        assert code_of(1, 2) == 409  # in progress
        conn.commit()
        assert keyed.using(other).queue(1, 2).task_id == first
        assert code_of(1, 3) == 409
        other.commit()
        assert stored.ids() == {first}


def test_a_session_that_joined_a_transaction_leaves_its_commit_to_others(
    url: str, queue: TaskQueue, stored: Stored
) -> None:
    add = queue.task(tasks.add)
    with PLAIN["sqlalchemy"](url) as user:
        connection: Any = user.connection
        connection.begin()
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            add.using(session).queue(1, 2)
            session.commit()
        assert (stored.ids(), stored.notices()) == (set(), [])
        user.rollback()
        assert (stored.ids(), stored.notices()) == (set(), [])

        connection.begin()
        with Session(connection, join_transaction_mode="rollback_only") as session:
            add.using(session).queue(1, 2)
            session.commit()
        user.commit()
        assert len(stored.ids()) == 1
        assert stored.notices() == [("lapinq_ready", queue.queue_name)]


async def test_settings_of_the_connection_do_not_matter(url: str, queue: TaskQueue, stored: Stored) -> None:
    """Rows, cursors and JSON may look as the caller likes."""
    add = queue.task(tasks.add)
    with psycopg.Connection[Any].connect(url, row_factory=dict_row, cursor_factory=psycopg.RawCursor) as conn:
        add.using(conn).queue(1, 2)
    async with FOR_COROUTINES["asyncpg"](url) as user:
        connection: Any = user.connection
        codec = {"encoder": json.dumps, "decoder": json.loads, "schema": "pg_catalog"}
        await connection.set_type_codec("json", **codec)
        await add.using(user.connection).aqueue(1, 2)
        await user.commit()
    assert len(stored.ids()) == 2


def test_a_database_without_the_schema_is_named_as_the_cause(postgres_url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    for driver in PLAIN:
        with PLAIN[driver](postgres_url) as user, pytest.raises(RequestRefused, match="lapinq migrate"):
            add.using(user.connection).queue(1, 2)

    async def on_asyncpg() -> None:
        async with FOR_COROUTINES["asyncpg"](postgres_url) as user:
            with pytest.raises(RequestRefused, match="lapinq migrate"):
                await add.using(user.connection).aqueue(1, 2)

    asyncio.run(on_asyncpg())


async def test_a_connection_of_the_wrong_kind_is_a_type_error(url: str, queue: TaskQueue) -> None:
    add = queue.task(tasks.add)
    with pytest.raises(TypeError, match=r"^using\(\) takes a connection of psycopg, .* not builtins\.str$"):
        add.using("postgresql://localhost/shop")
    engine = create_engine("sqlite://")
    with pytest.raises(TypeError, match=r"Engine: give it the result of engine\.connect\(\)"):
        add.using(engine)
    with (
        engine.connect() as conn,
        pytest.raises(TypeError, match="PostgreSQL, but this connection leads to sqlite"),
    ):
        add.using(conn).queue(1, 2)
    engine.dispose()
    async with FOR_COROUTINES["psycopg"](url) as user:
        with pytest.raises(TypeError, match=r"AsyncConnection is for coroutines: use aqueue\(\)"):
            add.using(user.connection).queue(1, 2)
    for_plain_code = r"Connection is for plain code: use queue\(\)"
    with PLAIN["psycopg"](url) as plain, pytest.raises(TypeError, match=for_plain_code):
        await add.using(plain.connection).aqueue(1, 2)


def test_it_is_kept_by_options_and_goes_through_middleware(
    url: str, stored: Stored, queue: TaskQueue
) -> None:
    class Renames(Middleware):
        def enqueue(self, entries: Any, send: Any) -> Any:
            for entry in entries:
                entry["metadata"] = {"seen": True}
            return send(entries)

    other = TaskQueue(queue_name=queue.queue_name, middleware=[Renames()])
    add = other.task(tasks.add)
    with psycopg.connect(url) as conn:
        add.using(conn).options(priority=5).queue(1, 2)
        other.using(conn).batch_enqueue([add.entry(1, 2)])
        rows = conn.execute("SELECT metadata FROM lapinq_tasks WHERE queue_name = %s", (queue.queue_name,))
        assert rows.fetchall() == [({"seen": True},)] * 2
        assert stored.ids() == set()
        conn.rollback()


def test_a_unique_key_is_held_from_the_call_on_and_free_after_a_rollback(
    url: str, queue: TaskQueue, stored: Stored
) -> None:
    add = queue.task(unique=lambda a, *_: f"{a}")(tasks.add)
    with psycopg.connect(url) as conn:
        mine = add.using(conn)
        first = mine.queue(1, 1)
        assert not first.existing
        assert mine.queue(1, 2).task_id == first.task_id
        with pytest.raises(RequestRefused) as refused:
            mine.options(unique={"key": "1", "on_conflict": "reject"}).queue(1, 3)
        assert (refused.value.status_code, refused.value.task_id) == (409, first.task_id)
        conn.rollback()
        assert not mine.queue(1, 4).existing
        batch = queue.using(conn).batch_enqueue([add.entry(1, 5), add.entry(2, 1), add.entry(2, 0)])
        assert batch.existing == [0, 2]
        replaced = mine.options(unique={"key": "2", "on_conflict": "replace"}).queue(2, 9)
        assert (replaced.task_id, replaced.replaced) == (batch.task_ids[1], True)
        conn.commit()
        assert len(stored.ids()) == 2
        assert mine.options(ttl_seconds=0).queue(-1, 0).task_id is not None
        conn.commit()
    rows = stored.rows("SELECT args FROM lapinq_tasks WHERE queue_name = %s AND unique_key = '2'")
    assert rows == [([2, 9],)]


def test_a_repeated_call_with_a_unique_key_gets_the_first_answer(url: str, queue: TaskQueue) -> None:
    once = queue.task(unique={"key": "k", "on_conflict": "reject"}, name="add")(tasks.add)
    with psycopg.connect(url) as conn:
        first = once.options(idempotency_key=queue.queue_name).using(conn).queue(1, 1)
        conn.commit()
        again = once.options(idempotency_key=queue.queue_name).using(conn).queue(1, 1)
        assert (again.task_id, again.existing) == (first.task_id, False)
        key = f"{queue.queue_name} 2"
        met = once.options(unique="k", idempotency_key=key).using(conn)
        assert met.queue(2, 2).existing
        conn.commit()
        assert TaskRef(str(first.task_id), plain_url(url)).cancel()
        answer = met.queue(2, 2)
        assert (answer.task_id, answer.existing) == (first.task_id, True)

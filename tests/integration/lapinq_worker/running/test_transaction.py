"""`current_task().transaction()`: what the task wrote and its completion are committed together, or neither is."""

import asyncio
import traceback
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, nullcontext

import psycopg
import pytest

from lapinq_core.db.rows import all_rows, maybe_row
from lapinq_core.domain.errors import LeaseLost, NoTask
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.tasks import actions
from lapinq_core.upkeep.rescuing import rescue
from lapinq_worker.running.transaction import AttemptTransaction
from tests.integration.lapinq_worker.desk import Desk
from tests.support.rows.factories import Conn, add_worker, claim, enqueue, status
from tests.support.rows.rescue import ANY_TIME
from tests.support.sample import tasks

Values = Callable[[], list[int]]


@asynccontextmanager
async def held(database: str) -> AsyncGenerator[tuple[Conn, Claim]]:
    """A claimed task, and a table of the user's own."""
    async with await Conn.open(database) as conn:
        await conn.execute("CREATE TABLE orders (number integer)")
        await enqueue(conn)
        (one,) = await claim(conn, await add_worker(conn))
        yield conn, one


class Attempt:
    """A running attempt, as its own code ends it."""

    started = 0.0
    last_progress = (90, "nearly")
    spent = None

    def __init__(self, database: str, task_id: str, token: str) -> None:
        self.id, self.token = task_id, token
        self._database = database
        self.is_committed = False

    def database_url(self) -> str:
        return self._database

    def log_text(self) -> str:
        return "said"

    def committed(self) -> None:
        self.is_committed = True


def transaction(database: str, one: Claim, result: object = None) -> tuple[AttemptTransaction, Attempt]:
    attempt = Attempt(database, one.id, one.token)
    return AttemptTransaction(attempt, result), attempt


async def orders(conn: Conn) -> list[int]:
    return [row[0] for row in await all_rows(conn, "SELECT number FROM orders")]


async def give_to_another(conn: Conn, one: Claim) -> None:
    await conn.execute("DELETE FROM lapinq_workers")
    assert one.id in await rescue(conn, ANY_TIME, 0.5)
    assert await claim(conn, await add_worker(conn))


async def test_both_are_committed_together(database: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one, {"paid": True})
        with made as own:
            own.execute("INSERT INTO orders VALUES (1)")
            assert await orders(conn) == []
            assert await status(conn, one.id) == "running"
            assert not attempt.is_committed
        assert attempt.is_committed
        assert await orders(conn) == [1]
        row = await maybe_row(conn, "SELECT status, result FROM lapinq_task_details")
        assert row == ("completed", '{"paid":true}')
        kept = await conn.execute("SELECT logs, progress, progress_message FROM lapinq_attempts")
        assert await kept.fetchone() == ("said", 90, "nearly")


async def test_for_coroutines_too(database: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)
        async with made as own:
            await own.execute("INSERT INTO orders VALUES (1)")
        assert attempt.is_committed
        assert await orders(conn) == [1]
        assert await status(conn, one.id) == "completed"


async def test_an_exception_takes_both_back(database: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)
        with pytest.raises(psycopg.errors.DivisionByZero), made as own:
            own.execute("INSERT INTO orders VALUES (1), (1 / 0)")
        assert not attempt.is_committed
        assert await orders(conn) == []
        assert await status(conn, one.id) == "running"


@pytest.mark.parametrize("kind", ["with", "async with"])
async def test_nothing_is_written_for_a_task_that_another_worker_has(database: str, kind: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)

        async def use() -> None:
            if kind == "with":
                with made as own:
                    own.execute("INSERT INTO orders VALUES (1)")
                    await give_to_another(conn, one)
            else:
                async with made as aown:
                    await aown.execute("INSERT INTO orders VALUES (1)")
                    await give_to_another(conn, one)

        with pytest.raises(LeaseLost):
            await use()
        assert not attempt.is_committed
        assert await orders(conn) == []
        assert await status(conn, one.id) == "running"


@pytest.mark.parametrize("is_changed", [False, True])
async def test_a_stricter_isolation_of_the_users_choice_completes_or_writes_nothing(
    database: str, is_changed: bool
) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)

        async def use() -> None:
            async with made as own:
                await own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                await own.execute("INSERT INTO orders VALUES (1)")
                if is_changed:
                    assert await actions.request_cancel(conn, one.id)

        with pytest.raises(psycopg.errors.SerializationFailure) if is_changed else nullcontext():
            await use()
        assert attempt.is_committed != is_changed
        assert await orders(conn) == ([] if is_changed else [1])
        assert await status(conn, one.id) == ("running" if is_changed else "completed")


async def test_a_request_to_stop_that_comes_too_late_changes_nothing(database: str) -> None:
    async with held(database) as (conn, one):
        made, _ = transaction(database, one)
        with made as own:
            own.execute("INSERT INTO orders VALUES (1)")
            assert await actions.request_cancel(conn, one.id)
        assert await status(conn, one.id) == "completed"


def test_fire_and_forget_has_no_end_to_commit(database: str) -> None:
    with pytest.raises(NoTask):
        AttemptTransaction(Attempt(database, "", ""), None)


def test_a_result_that_cant_be_stored_is_refused_before_anything_is_written(database: str) -> None:
    attempt = Attempt(database, str(uuid.uuid4()), str(uuid.uuid4()))
    with pytest.raises(TypeError, match="stored as JSON"):
        AttemptTransaction(attempt, object())


@pytest.mark.parametrize("kind", ["with", "async with"])
def test_no_frame_of_a_failed_connection_holds_the_password(kind: str) -> None:
    url = "postgresql://user:s3cret@127.0.0.1:1/none"
    made = AttemptTransaction(Attempt(url, str(uuid.uuid4()), str(uuid.uuid4())), None)

    async def use() -> None:
        if kind == "with":
            with made:
                pass
        else:
            async with made:
                pass

    with pytest.raises(psycopg.OperationalError) as caught:
        asyncio.run(use())
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if "/services/" in frame.f_code.co_filename]
    assert ours
    assert "s3cret" not in "".join(repr(frame.f_locals) for frame in ours)
    assert not any("psycopg" in frame.f_code.co_filename for frame in frames)


@pytest.mark.parametrize("pool", ["processes", "threads"])
@pytest.mark.parametrize("function", [tasks.book, tasks.abook])
async def test_a_task_in_a_worker_ends_itself(desk: Desk, pool: str, function: Callable[..., object]) -> None:
    await desk.conn.execute("CREATE TABLE orders (number integer)")
    booked = await desk.hand_in(function, 7)
    fails_later = await desk.hand_in(function, 8, "after", max_retries=5)
    fails = await desk.hand_in(function, 9, "inside", max_retries=0)
    async with desk.working(worker_pool=pool):
        one, two, three = await desk.ended(booked, fails_later, fails)
    assert (one.status, one.result) == ("completed", '"booked 7"')
    assert (two.status, two.result) == ("completed", '"booked 8"')
    assert (three.status, three.error) == ("failed", "ZeroDivisionError: inside")
    assert sorted(await orders(desk.conn)) == [7, 8]
    assert len(await desk.attempts(fails_later)) == 1
    logs = await desk.value("SELECT logs FROM lapinq_attempts WHERE task_id = %s", booked)
    assert logs.endswith("INFO booking 7")

"""`current_task().transaction()`: what the task wrote and its completion are committed together, or neither is."""

import asyncio
import traceback
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
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

KINDS = ["with", "async with"]


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


async def use(
    made: AttemptTransaction,
    kind: str,
    query: str = "INSERT INTO orders VALUES (1)",
    meanwhile: Callable[[], Awaitable[object]] | None = None,
) -> None:
    """Writes an order in the transaction, and does something else before its end."""
    if kind == "with":
        with made as own:
            own.execute(query.encode())
            if meanwhile is not None:
                await meanwhile()
    else:
        async with made as aown:
            await aown.execute(query.encode())
            if meanwhile is not None:
                await meanwhile()


async def check_nothing_was_written(conn: Conn, one: Claim, attempt: Attempt) -> None:
    assert not attempt.is_committed
    assert await orders(conn) == []
    assert await status(conn, one.id) == "running"


async def orders(conn: Conn) -> list[int]:
    return [row[0] for row in await all_rows(conn, "SELECT number FROM orders")]


@pytest.mark.parametrize("kind", KINDS)
async def test_both_are_committed_together(database: str, kind: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one, {"paid": True})

        async def look() -> None:
            await check_nothing_was_written(conn, one, attempt)
            # A request to stop that comes too late changes nothing.
            assert await actions.request_cancel(conn, one.id)

        await use(made, kind, meanwhile=look)
        assert attempt.is_committed
        assert await orders(conn) == [1]
        row = await maybe_row(conn, "SELECT status, result FROM lapinq_task_details")
        assert row == ("completed", '{"paid":true}')
        kept = await conn.execute("SELECT logs, progress, progress_message FROM lapinq_attempts")
        assert await kept.fetchone() == ("said", 90, "nearly")


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_written_for_a_task_that_another_worker_has(database: str, kind: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)

        async def give_to_another() -> None:
            await conn.execute("DELETE FROM lapinq_workers")
            assert one.id in await rescue(conn, ANY_TIME, 0.5)
            assert await claim(conn, await add_worker(conn))

        with pytest.raises(LeaseLost):
            await use(made, kind, meanwhile=give_to_another)
        await check_nothing_was_written(conn, one, attempt)


async def test_an_exception_takes_both_back(database: str) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)
        with pytest.raises(psycopg.errors.DivisionByZero):
            await use(made, "with", "INSERT INTO orders VALUES (1), (1 / 0)")
        await check_nothing_was_written(conn, one, attempt)


@pytest.mark.parametrize("is_changed", [False, True])
async def test_a_stricter_isolation_of_the_users_choice_completes_or_writes_nothing(
    database: str, is_changed: bool
) -> None:
    async with held(database) as (conn, one):
        made, attempt = transaction(database, one)

        async def change() -> None:
            assert not is_changed or await actions.request_cancel(conn, one.id)

        query = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; INSERT INTO orders VALUES (1)"
        with pytest.raises(psycopg.errors.SerializationFailure) if is_changed else nullcontext():
            await use(made, "async with", query, change)
        if is_changed:
            await check_nothing_was_written(conn, one, attempt)
        else:
            assert attempt.is_committed
            assert await orders(conn) == [1]
            assert await status(conn, one.id) == "completed"


def test_fire_and_forget_has_no_end_to_commit_and_a_result_must_be_storable() -> None:
    with pytest.raises(NoTask):
        AttemptTransaction(Attempt("", "", ""), None)
    with pytest.raises(TypeError, match="stored as JSON"):
        AttemptTransaction(Attempt("", str(uuid.uuid4()), str(uuid.uuid4())), object())


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_of_a_failed_connection_holds_the_password(kind: str) -> None:
    url = "postgresql://user:s3cret@127.0.0.1:1/none"
    made = AttemptTransaction(Attempt(url, str(uuid.uuid4()), str(uuid.uuid4())), None)
    with pytest.raises(psycopg.OperationalError) as caught:
        asyncio.run(use(made, kind))
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    ours = [frame for frame in frames if "/services/" in frame.f_code.co_filename]
    assert ours
    assert "s3cret" not in "".join(repr(frame.f_locals) for frame in ours)
    assert not any("psycopg" in frame.f_code.co_filename for frame in frames)


@pytest.mark.parametrize("pool", ["processes", "threads"])
async def test_a_task_in_a_worker_ends_itself(desk: Desk, pool: str) -> None:
    await desk.conn.execute("CREATE TABLE orders (number integer)")
    async with desk.working(worker_pool=pool):
        for function, number in ((tasks.book, 10), (tasks.abook, 20)):
            booked = await desk.hand_in(function, number)
            fails_later = await desk.hand_in(function, number + 1, "after", max_retries=5)
            fails = await desk.hand_in(function, number + 2, "inside", max_retries=0)
            one, two, three = await desk.ended(booked, fails_later, fails)
            assert (one.status, one.result) == ("completed", f'"booked {number}"')
            assert (two.status, two.result) == ("completed", f'"booked {number + 1}"')
            assert (three.status, three.error) == ("failed", "ZeroDivisionError: inside")
            assert len(await desk.attempts(fails_later)) == 1
            logs = await desk.value("SELECT logs FROM lapinq_attempts WHERE task_id = %s", booked)
            assert logs.endswith(f"INFO booking {number}")
    assert sorted(await orders(desk.conn)) == [10, 11, 20, 21]

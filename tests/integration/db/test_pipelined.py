"""Several transactions in one message: each is its own, and each has its own error."""

import psycopg
import pytest
from psycopg.errors import DivisionByZero, UndefinedTable, UniqueViolation

from lapinq_core.db.pipelined import Statement, run_pipelined
from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows
from tests.support.rows.factories import Conn


def put(number: str) -> Statement:
    return Statement("put", "INSERT INTO numbers VALUES ($1::integer)", (number,))


DIVIDE = Statement("divide", "SELECT 1 / $1::integer", ("0",))


async def numbers_in(conn: psycopg.AsyncConnection) -> list[int]:
    return [number for (number,) in await all_rows(conn, "SELECT number FROM numbers ORDER BY number")]


async def test_each_transaction_commits_whatever_the_others_do(shared_database: str) -> None:
    async with await Conn.open(shared_database) as conn:
        [error] = await run_pipelined(conn, [put("1")])
        assert isinstance(error, UndefinedTable)  # it is prepared the next time
        await conn.execute(
            "CREATE TEMPORARY TABLE numbers (number integer PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)"
        )
        errors = await run_pipelined(conn, [put("1")], [put("2"), DIVIDE, put("3")], [put("1")], [put("4")])
        assert [type(error) for error in errors] == [
            type(None),
            DivisionByZero,
            UniqueViolation,  # which only the commit finds
            type(None),
        ]
        assert await run_pipelined(conn, [put("5"), put("6")]) == [None]
        assert await numbers_in(conn) == [1, 4, 5, 6]
        names = await all_rows(conn, "SELECT name FROM pg_prepared_statements ORDER BY name")
        assert [name for (name,) in names] == ["divide", "put"]


@pytest.mark.parametrize("kind", [PooledConnection, psycopg.AsyncConnection])
async def test_statements_that_psycopg_deallocated_are_prepared_again(
    shared_database: str, kind: type[psycopg.AsyncConnection]
) -> None:
    async with await kind.connect(shared_database, autocommit=True) as conn:
        await conn.execute("CREATE TEMPORARY TABLE numbers (number integer)")
        assert await run_pipelined(conn, [put("1")], [put("2")]) == [None, None]
        for _ in range(2):
            await conn.execute("SELECT 1", prepare=True)
            async with conn.transaction(force_rollback=True):  # after which it deallocates all
                await conn.execute("SELECT 1")
            assert await run_pipelined(conn, [put("3")], [put("4")]) == [None, None]
        assert await numbers_in(conn) == [1, 2, 3, 3, 4, 4]


async def test_a_connection_that_ends_in_between_is_an_outage(shared_database: str) -> None:
    end = Statement("end", "SELECT pg_terminate_backend(pg_backend_pid())")
    conn = await Conn.open(shared_database)
    with pytest.raises(psycopg.OperationalError):
        await run_pipelined(conn, [DIVIDE], [end], [DIVIDE])
    assert conn.closed

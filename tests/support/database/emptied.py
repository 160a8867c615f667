"""A database that the tests of a module share one after the other, which takes less time than a new one for each.

A conftest that imports these fixtures gives it to the tests of its folder. With `conn`, too, all of them commit.
"""

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest

from tests.support.database.postgres import private_database
from tests.support.rows.factories import Conn, add_worker

_EMPTY = """
DO $$ DECLARE name regclass; BEGIN
  FOR name IN SELECT oid FROM pg_class
               WHERE relkind IN ('r', 'p') AND NOT relispartition
                 AND relname LIKE 'lapinq\\_%' AND relname <> 'lapinq_schema_version' LOOP
    EXECUTE format('DELETE FROM %s', name);
  END LOOP; END $$
"""


@pytest.fixture(scope="module")
def of_module(postgres_url: str, template_database: str) -> Iterator[str]:
    """The URL of a database for the tests of a module."""
    with private_database(postgres_url, template_database) as url:
        yield url


@pytest.fixture
def database(of_module: str) -> Iterator[str]:
    """It is empty. What a test stores is deleted after it, past the trigger that looks at moves; the clock is reset."""
    with psycopg.connect(of_module, autocommit=True, options="-c session_replication_role=replica") as conn:
        clock = conn.execute("SELECT pg_get_functiondef('lapinq_now()'::regprocedure)").fetchone()
        assert clock is not None
        yield of_module
        conn.execute(_EMPTY)
        conn.execute(clock[0])


@pytest.fixture
async def conn(database: str) -> AsyncIterator[Conn]:
    """A connection as the product's, on which nothing is compiled."""
    async with await Conn.open(database) as connection:
        await connection.execute("SET jit = off")
        yield connection


@pytest.fixture
async def worker(conn: Conn) -> str:
    """The id of a worker that is alive."""
    return await add_worker(conn)

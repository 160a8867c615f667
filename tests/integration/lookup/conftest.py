"""One database for the tests of a module, which each finds empty: a search needs transactions of its own."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.support.database import postgres

EMPTY = """
DO $$ DECLARE name regclass; BEGIN
    SET LOCAL session_replication_role = replica;
    FOR name IN SELECT oid FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition
        AND (relname LIKE 'lapinq%' AND relname <> 'lapinq_schema_version' OR relname = 'test_states')
    LOOP EXECUTE format('DELETE FROM %s', name); END LOOP;
END $$"""


@pytest.fixture(scope="module")
def module_database(postgres_url: str, template_database: str) -> Iterator[tuple[str, psycopg.Connection]]:
    """Its URL, and a connection that empties it."""
    with (
        postgres.private_database(postgres_url, template_database) as url,
        psycopg.connect(url, autocommit=True) as connection,
    ):
        yield url, connection


@pytest.fixture
def database(module_database: tuple[str, psycopg.Connection]) -> str:
    """What `conn` is connected to."""
    url, connection = module_database
    connection.execute(EMPTY)
    return url

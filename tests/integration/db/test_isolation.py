"""Whatever isolation a database or a role has by default, our sessions choose READ COMMITTED: the SQL relies on it."""

import asyncio
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.db.migrate import current_revision, migrate
from lapinq_core.db.pool import connect_sync, make_pool
from lapinq_core.db.rows import maybe_row
from tests.support.database import postgres
from tests.support.rows.factories import Conn

ASK = "SHOW transaction_isolation"


@pytest.fixture
def strict(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database with that default."""
    with postgres.private_database(postgres_url) as url:
        with psycopg.connect(url, autocommit=True) as conn:
            name = sql.Identifier(str(conninfo_to_dict(url)["dbname"]))
            conn.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = serializable").format(name)
            )
        yield url


def test_every_session_of_ours_reads_what_is_committed(strict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> list[str]:
        async with await Conn.open(strict) as one, make_pool(strict, "test", 1, timeout=5) as pool:
            async with pool.connection() as pooled:
                rows = [await maybe_row(conn, ASK) for conn in (one, pooled)]
            async with one.transaction():
                rows.append(await maybe_row(one, ASK))
        return [row[0] for row in rows if row]

    assert asyncio.run(test()) == ["read committed"] * 3
    with connect_sync(strict, "test") as conn:
        assert conn.execute(ASK).fetchone() == ("read committed",)

    seen: set[object] = set()

    def look(connection: psycopg.Connection) -> str | None:
        seen.add(connection.execute(ASK).fetchone())
        return current_revision(connection)

    monkeypatch.setattr("lapinq_core.db.migrate.current_revision", look)
    migrate(strict)
    assert seen == {("read committed",)}

"""Our sessions compress with lz4 where the server has it."""

import asyncio

import psycopg

from lapinq_core.db.pool import connect, connect_pinned, make_pool
from lapinq_core.db.rows import maybe_row

ASK = "SHOW default_toast_compression"


def test_large_values_are_compressed_as_fast_as_the_server_can(shared_database: str) -> None:
    async def test() -> list[tuple[str] | None]:
        async with (
            await connect_pinned(shared_database, "test") as pinned,
            await connect(shared_database, "test") as users,
            make_pool(shared_database, "test", 1, timeout=5) as pool,
            pool.connection() as pooled,
        ):
            return [await maybe_row(conn, ASK) for conn in (pinned, pooled, users)]

    with psycopg.connect(shared_database) as conn:
        [usual] = conn.execute(ASK).fetchone() or [None]
        has_lz4 = conn.execute(
            "SELECT 'lz4' = ANY (enumvals) FROM pg_settings WHERE name = 'default_toast_compression'"
        )
        best = "lz4" if has_lz4.fetchone() == (True,) else usual
    # The last serves a user's transaction, which may store in tables of the user.
    assert asyncio.run(test()) == [(best,), (best,), (usual,)]

"""Whose a named key is: remembered for a while, forgotten when it is deleted, and asked for without crowding."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import psycopg
import pytest

from lapinq_api.credentials import key_cache
from lapinq_api.credentials.key_cache import FRESH_SECONDS, NOTE_INTERVAL_SECONDS, KeyCache
from lapinq_api.overload.database import Database
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import Actor, ActorKind, Scope
from lapinq_core.domain.accounts.api_key import key_of
from lapinq_core.people import keys
from lapinq_core.people.keys import KeyRecord, NewKey
from tests.support.eventually import eventually_async
from tests.support.rows.factories import SOMEBODY, Conn

KEY = key_of(b"1" * 32).encode()
OPERATOR = msgspec.structs.replace(SOMEBODY, actor_kind=ActorKind.COMMAND_LINE, actor_id=None)
LOCK = "LOCK TABLE lapinq_api_keys IN ACCESS EXCLUSIVE MODE"


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def stranger(number: int) -> bytes:
    return key_of(number.to_bytes(32)).encode()


async def create(
    conn: Conn, name: str = "ci", key: bytes = KEY, expires_in: float | None = None
) -> KeyRecord:
    new = NewKey(name=name, scopes=[Scope.ENQUEUE], expires_in=expires_in)
    return await keys.create(conn, new, key.decode(), by=OPERATOR)


@asynccontextmanager
async def ring(url: str, clock: Clock) -> AsyncGenerator[KeyCache]:
    database = Database(url, 4)
    database.is_ready = True
    await database.open()
    try:
        async with asyncio.TaskGroup() as group:
            yield KeyCache(database, group, clock)
    finally:
        await database.close()


@asynccontextmanager
async def on_ring(url: str) -> AsyncGenerator[tuple[KeyCache, Clock, Conn]]:
    """A ring without keys, its clock, and a connection to its database."""
    clock = Clock()
    async with ring(url, clock) as made, await Conn.open(url) as conn:
        await conn.execute("DELETE FROM lapinq_api_keys")
        yield made, clock, conn


async def asking(conn: Conn) -> int:
    """How many connections wait for an answer about keys."""
    await conn.execute("SELECT pg_stat_clear_snapshot()")
    cursor = await conn.execute(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND state = 'active' AND query LIKE '/* lapinq:find_keys %'"
    )
    row = await cursor.fetchone()
    return row[0] if row else 0


async def test_while_an_answer_is_fresh_nothing_is_asked(api_database: str) -> None:
    async with on_ring(api_database) as (ring, clock, conn):
        made = await create(conn)
        found = await ring.find(KEY)
        assert found is not None
        assert (found.name, found.id, found.scopes) == ("ci", made.id, {Scope.ENQUEUE})
        assert await ring.find(stranger(1)) is None
        async with conn.transaction():
            await conn.execute(LOCK)
            clock.now += FRESH_SECONDS - 0.1
            for _ in range(100):
                assert await ring.find(KEY) == found
                assert await ring.find(stranger(1)) is None
            clock.now += 0.1
            with pytest.raises(DatabaseUnavailable):
                await ring.find(KEY)
        assert await ring.find(KEY) == found


async def test_no_answer_outlives_its_key(api_database: str) -> None:
    async with on_ring(api_database) as (ring, clock, conn):
        await create(conn, expires_in=3600)
        assert await ring.find(KEY) is not None
        await conn.execute("UPDATE lapinq_api_keys SET expires_at = lapinq_now() + interval '100 s'")
        clock.now += FRESH_SECONDS
        assert await ring.find(KEY) is not None
        await conn.execute("UPDATE lapinq_api_keys SET expires_at = lapinq_now() + interval '2.5 s'")
        clock.now += FRESH_SECONDS
        assert await ring.find(KEY) is not None
        async with conn.transaction():
            await conn.execute(LOCK)
            clock.now += FRESH_SECONDS / 2
            with pytest.raises(DatabaseUnavailable):
                await ring.find(KEY)
        await conn.execute("UPDATE lapinq_api_keys SET expires_at = lapinq_now()")
        clock.now += FRESH_SECONDS / 2

        async def is_unknown() -> bool:
            # The call that gave up left a statement behind, which may find the key once the lock is gone.
            return await ring.find(KEY) is None

        await eventually_async(is_unknown)


async def test_what_can_not_be_a_key_is_never_asked_for(api_database: str) -> None:
    async with on_ring(api_database) as (ring, _clock, conn), conn.transaction():
        await conn.execute(LOCK)
        for text in (b"", b"secret", KEY[:-1], KEY + b"x", b"x" * 100_000, "lapinq_ü".encode(), KEY + b"\n"):
            assert await ring.find(text) is None


async def test_those_who_ask_at_once_share_statements(api_database: str) -> None:
    async with on_ring(api_database) as (ring, _clock, conn):
        await create(conn)
        await create(conn, "other", stranger(1))
        async with conn.transaction():
            await conn.execute(LOCK)
            finding = [
                asyncio.create_task(ring.find(key))
                for key in (KEY, stranger(1), stranger(2))
                for _ in range(30)
            ]
            finding[0].cancel()  # its client is gone, which is nothing to the others

            async def one_asks() -> bool:
                return await asking(conn) == 1

            await eventually_async(one_asks)
        found = await asyncio.gather(*finding[1:])
        names = [actor and actor.name for actor in found]
        assert names == ["ci"] * 29 + ["other"] * 30 + [None] * 30


async def test_a_deletion_holds_once_it_is_announced_or_the_answer_is_old(api_database: str) -> None:
    async with on_ring(api_database) as (ring, clock, conn):
        for is_heard in (True, False):
            made = await create(conn)
            clock.now += FRESH_SECONDS
            assert await ring.find(KEY) is not None
            await keys.delete(conn, made.id, by=SOMEBODY)
            ring.on_notify("")  # the connection was lost: that says nothing of this key
            assert await ring.find(KEY) is not None
            if is_heard:
                ring.on_notify(f"key {made.id}")
            else:
                clock.now += FRESH_SECONDS
            assert await ring.find(KEY) is None


async def test_an_answer_that_a_deletion_overtook_is_neither_shared_nor_remembered(database: str) -> None:
    async with on_ring(database) as (ring, _clock, conn):
        made = await create(conn)
        # A reader has its snapshot and waits for the lock, so that it still finds a key that is deleted meanwhile.
        await conn.execute(
            "ALTER TABLE lapinq_api_keys RENAME TO test_keys; CREATE VIEW lapinq_api_keys AS"
            " SELECT * FROM test_keys WHERE (pg_advisory_xact_lock_shared(1) IS NULL) IS NOT NULL;"
            " SELECT pg_advisory_lock(1)"
        )
        early = asyncio.create_task(ring.find(KEY))

        async def it_waits() -> bool:
            cursor = await conn.execute("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            return await cursor.fetchone() is not None

        await eventually_async(it_waits)
        await conn.execute("DELETE FROM test_keys")
        ring.on_notify(f"key {made.id}")
        late = asyncio.create_task(ring.find(KEY))
        await asyncio.sleep(0)
        await conn.execute("SELECT pg_advisory_unlock(1)")
        assert await early is not None
        assert await late is None
        assert await ring.find(KEY) is None


async def test_made_up_keys_drive_no_real_one_out_and_are_not_piled_up(
    api_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_cache, "MAX_REMEMBERED", 10)
    monkeypatch.setattr(key_cache, "MAX_PENDING", 20)

    async with on_ring(api_database) as (ring, _clock, conn):
        await create(conn)
        assert await ring.find(KEY) is not None
        for number in range(30):
            assert await ring.find(stranger(number)) is None
        async with conn.transaction():
            await conn.execute(LOCK)
            assert await ring.find(KEY) is not None
            assert await ring.find(stranger(29)) is None
            forgotten = stranger(19)  # only the last ten are remembered
            unknown = [forgotten, *(stranger(1000 + number) for number in range(39))]
            finding = [asyncio.create_task(ring.find(key)) for key in unknown]

            async def some_are_refused() -> bool:
                return sum(task.done() for task in finding) >= 19

            await eventually_async(some_are_refused, timeout=1)
            assert not finding[0].done()
        outcomes = await asyncio.gather(*finding, return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
        assert len(refused) in {19, 20}
        assert set(outcomes) - set(refused) == {None}


async def test_the_use_of_a_key_is_noted_soon_then_once_a_minute_and_at_the_end(api_database: str) -> None:
    async def is_noted(conn: Conn) -> bool:
        """Since the last time that this was asked."""
        cursor = await conn.execute(
            "UPDATE lapinq_api_keys k SET last_used_at = NULL FROM lapinq_api_keys before"
            " WHERE before.id = k.id RETURNING before.last_used_at > lapinq_now() - interval '5 minutes'"
        )
        return await cursor.fetchone() == (True,)

    async with on_ring(api_database) as (ring, clock, conn):
        await create(conn)
        await ring.find(KEY)
        assert not await is_noted(conn)
        await ring.note_due()
        assert await is_noted(conn)
        await ring.note_due()
        assert not await is_noted(conn)

        clock.now += NOTE_INTERVAL_SECONDS - 1
        await ring.find(KEY)
        await ring.note_due()
        assert not await is_noted(conn)
        clock.now += 1
        await ring.note_due()
        assert await is_noted(conn)

        clock.now += 1
        await ring.find(KEY)
        await ring.close()
        assert await is_noted(conn)


async def test_uses_that_can_not_be_noted_are_noted_later(api_database: str) -> None:
    async with on_ring(api_database) as (ring, _clock, conn):
        await create(conn)
        await ring.find(KEY)
        async with conn.transaction():
            await conn.execute(LOCK)
            await ring.note_due()
        await ring.note_due()
        [record] = await keys.list_all(conn)
        assert record.last_used_at is not None


async def test_each_who_waits_gets_an_error_of_its_own(database: str) -> None:
    async with on_ring(database) as (ring, _clock, conn):
        await conn.execute("ALTER TABLE lapinq_api_keys RENAME TO elsewhere")
        found: list[Actor | BaseException | None] = []
        found += await asyncio.gather(*(ring.find(KEY) for _ in range(3)), return_exceptions=True)
        assert [type(error) for error in found] == [psycopg.errors.UndefinedTable] * 3

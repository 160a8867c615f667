"""Sessions in the database: how long they hold, who ends them, and that their user is as they are now."""

import asyncio
from hashlib import sha256

import psycopg
from psycopg import sql as psql

from lapinq_core.db.rows import all_rows, maybe_row, one_row
from lapinq_core.db.statements import sql
from lapinq_core.domain.accounts.account import ActorKind, Permission, Role
from lapinq_core.people import sessions, users
from lapinq_core.people.keys import ACCESS_CHANNEL
from lapinq_core.people.sessions import Session
from lapinq_core.people.users import Credentials
from tests.support.rows.factories import Conn, Connections


def hashed(name: str) -> bytes:
    return sha256(name.encode()).digest()


async def add_user(conn: Conn, username: str = "lisa") -> Credentials:
    await users.create(conn, username, "hash", Role.USER)
    known = await users.credentials(conn, username)
    assert known is not None
    return known


async def begin(conn: Conn, known: Credentials, name: str) -> str | None:
    return await sessions.create(conn, hashed(name), known, address="192.0.2.1", user_agent="a browser")


async def make_older(conn: Conn, name: str, column: str, age: str) -> None:
    await conn.execute(
        f"UPDATE lapinq_sessions SET {column} = lapinq_now() - %s::interval WHERE token_hash = %s",  # pyright: ignore[reportArgumentType]
        (age, hashed(name)),
    )


async def test_a_session_gives_its_user_as_they_are_now(conn: Conn) -> None:
    async def found(name: str = "a") -> Session:
        session = await sessions.find(conn, hashed(name))
        assert session is not None
        return session

    lisa = await add_user(conn)
    session_id = await begin(conn, lisa, "a")
    session = await found()
    assert (session.id, session.user_id, session.username) == (session_id, lisa.id, "lisa")
    assert (session.role, session.actor.kind, session.actor.name) == (Role.USER, ActorKind.USER, "lisa")
    await users.set_permissions(conn, lisa.id, {"video": frozenset({Permission.CANCEL})})
    session = await found()
    assert session.actor.may(Permission.CANCEL, "video")
    assert not session.actor.may(Permission.CANCEL, "mail")
    assert not session.actor.is_admin
    async with conn.transaction():
        await users.set_role(conn, lisa.id, Role.ADMIN)
    assert (await found()).actor.is_admin
    assert await sessions.find(conn, hashed("b")) is None
    await conn.execute("DELETE FROM lapinq_users")
    assert await sessions.find(conn, hashed("a")) is None


async def test_it_ends_after_12_idle_hours_or_7_days_whatever_it_did(conn: Conn) -> None:
    lisa = await add_user(conn)
    for name, column, age, holds in (
        ("idle", "seen_at", "12 hours 1 second", False),
        ("not yet idle", "seen_at", "11 hours 59 minutes", True),
        ("old", "created_at", "7 days 1 second", False),
        ("not yet old", "created_at", "6 days 23 hours 59 minutes", True),
    ):
        await begin(conn, lisa, name)
        await make_older(conn, name, column, age)
        assert (await sessions.find(conn, hashed(name)) is not None) is holds, name
    listed = await sessions.list_of(conn, lisa.id, hashed("not yet idle"))
    assert [line.is_current for line in listed].count(True) == 1
    assert len(listed) == 2
    assert await sessions.prune(conn, 1) == 1
    assert await sessions.prune(conn) == 1
    assert await sessions.prune(conn) == 0
    assert await sessions.find(conn, hashed("not yet idle")) is not None


async def test_a_sign_of_life_is_written_once_a_minute_and_keeps_it_alive(conn: Conn) -> None:
    async def seen(conn: Conn) -> object:
        return await one_row(conn, "SELECT seen_at, xmin::text FROM lapinq_sessions")

    lisa = await add_user(conn)
    await begin(conn, lisa, "a")
    await make_older(conn, "a", "seen_at", "59 seconds")
    before = await seen(conn)
    await sessions.find(conn, hashed("a"))
    assert await seen(conn) == before
    await make_older(conn, "a", "seen_at", "11 hours 59 minutes")
    assert await sessions.find(conn, hashed("a")) is not None
    row = await maybe_row(conn, "SELECT seen_at > lapinq_now() - interval '5 s' FROM lapinq_sessions")
    assert row == (True,)


async def test_nobody_ends_the_session_of_somebody_else(conn: Conn) -> None:
    lisa, bob = await add_user(conn), await add_user(conn, "bob")
    ids = {name: await begin(conn, lisa, name) for name in ("a", "b", "c")}
    await begin(conn, bob, "bob's")
    assert ids["b"] is not None
    assert not await sessions.revoke(conn, bob.id, ids["b"])
    assert await sessions.revoke(conn, lisa.id, ids["b"])
    assert not await sessions.revoke(conn, lisa.id, ids["b"])
    assert await sessions.revoke_others(conn, lisa.id, hashed("a")) == [ids["c"]]
    assert await sessions.find(conn, hashed("a")) is not None
    assert await sessions.find(conn, hashed("bob's")) is not None
    ended = await sessions.end(conn, hashed("a"))
    assert ended is not None
    assert (ended.id, ended.username) == (ids["a"], "lisa")
    assert await sessions.end(conn, hashed("a")) is None
    more = [await begin(conn, lisa, name) for name in ("d", "e")]
    assert await sessions.revoke_all(conn, lisa.id) == ("lisa", sorted(map(str, more)))
    assert await sessions.find(conn, hashed("d")) is None
    assert await sessions.find(conn, hashed("bob's")) is not None
    assert await sessions.revoke_all(conn, lisa.id) == ("lisa", [])
    assert await sessions.revoke_all(conn, 999_999) is None


async def test_whatever_changes_what_a_session_may_is_announced(database: str, conn: Conn) -> None:
    await users.create(conn, "root", "hash", Role.ADMIN)
    lisa = await add_user(conn)
    session_id = await begin(conn, lisa, "a")
    assert session_id is not None
    others = [await begin(conn, lisa, name) for name in "bcd"]
    assert None not in others
    changes = {
        "one's own session ends": sessions.end(conn, hashed("d")),
        "a session is revoked": sessions.revoke(conn, lisa.id, session_id),
        "all others are revoked": sessions.revoke_others(conn, lisa.id, hashed("b")),
        "all are revoked": sessions.revoke_all(conn, lisa.id),
        "permissions": users.set_permissions(conn, lisa.id, {"video": frozenset({Permission.CANCEL})}),
        "role": users.set_role(conn, lisa.id, Role.ADMIN),
        "password": users.set_password(conn, lisa, "new"),
        "the user is deleted": users.delete(conn, lisa.id),
    }
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute(f"LISTEN {ACCESS_CHANNEL}")
        for what, change in changes.items():
            async with conn.transaction():
                await change
            told = {note.payload for note in listener.notifies(timeout=5, stop_after=1)}
            assert told == {f"user {lisa.id}"}, what


async def test_a_login_with_a_password_that_is_changed_at_that_moment_begins_no_session(
    connections: Connections,
) -> None:
    one, other = await connections(2)
    lisa = await add_user(one)
    async with one.transaction():
        assert await users.set_password(one, lisa, "new")
        late = asyncio.create_task(begin(other, lisa, "late"))
        done, _ = await asyncio.wait((late,), timeout=0.3)
        assert not done
        await sessions.revoke_others(one, lisa.id, hashed("none"))
    assert await late is None
    assert await sessions.find(one, hashed("late")) is None


async def test_one_user_has_a_hundred_sessions_at_most(conn: Conn) -> None:
    lisa, bob = await add_user(conn), await add_user(conn, "bob")
    await begin(conn, bob, "bob's")
    for number in range(sessions.MAX_SESSIONS + 3):
        await begin(conn, lisa, str(number))
    assert len(await sessions.list_of(conn, lisa.id, hashed("0"))) == sessions.MAX_SESSIONS
    for name, holds in (("0", False), ("2", False), ("3", True), ("102", True), ("bob's", True)):
        assert (await sessions.find(conn, hashed(name)) is not None) is holds, name


async def test_a_request_finds_its_session_by_the_primary_key(conn: Conn) -> None:
    lisa = await add_user(conn)
    await conn.execute(
        "INSERT INTO lapinq_sessions (token_hash, user_id, created_at, seen_at)"
        " SELECT sha256(n::text::bytea), %s, lapinq_now(), lapinq_now() FROM generate_series(1, 5000) n",
        (lisa.id,),
    )
    await conn.execute("ANALYZE lapinq_sessions")
    query = sql("lapinq_core.people", "find_session")
    params = {"token_hash": hashed("1"), "touch": 60.0, "idle": 43_200.0, "absolute": 604_800.0}
    rows = await all_rows(conn, psql.SQL("EXPLAIN ") + psql.SQL(query), params)
    plan = "\n".join(row[0] for row in rows)
    assert "using lapinq_sessions_pkey" in plan
    assert "Seq Scan on lapinq_sessions" not in plan


async def test_how_many_sessions_hold_is_told_of_each_user_who_has_some(conn: Conn) -> None:
    lisa, bob = await add_user(conn), await add_user(conn, "bob")
    await add_user(conn, "nobody")
    for known, name in ((lisa, "a"), (lisa, "b"), (lisa, "idle"), (bob, "c")):
        await begin(conn, known, name)
    await make_older(conn, "idle", "seen_at", "12 hours 1 second")
    await make_older(conn, "a", "seen_at", "1 hour")
    found = await sessions.presences(conn)
    assert {user: presence.count for user, presence in found.items()} == {lisa.id: 2, bob.id: 1}
    [latest] = [line for line in await sessions.list_of(conn, lisa.id, hashed("b")) if line.is_current]
    assert found[lisa.id].seen_at == latest.seen_at

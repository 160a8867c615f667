"""Named API keys in the database: made, found, used, deleted."""

import asyncio

import msgspec
import psycopg
import pytest

from lapinq_core.domain.accounts.account import Actor, ActorKind, Role, Scope
from lapinq_core.domain.accounts.api_key import digest_of, key_of
from lapinq_core.people import audit, keys, users
from lapinq_core.people.audit_filters import AuditFilter
from lapinq_core.people.keys import ACCESS_CHANNEL, FoundKey, NameTaken, NewKey, TooManyKeys, UnknownOwner
from tests.support.rows.factories import SOMEBODY, Conn, Connections

KEY = key_of(b"1" * 32)
OPERATOR = msgspec.structs.replace(SOMEBODY, actor_kind=ActorKind.COMMAND_LINE, actor_id=None)
OTHER = key_of(b"2" * 32)


async def make(conn: Conn, name: str = "ci", key: str = KEY, *scopes: Scope) -> keys.KeyRecord:
    new = NewKey(name=name, scopes=scopes or [Scope.ENQUEUE])
    return await keys.create(conn, new, key, by=OPERATOR)


async def actions(conn: Conn) -> list[tuple[str, str | None, object]]:
    entries, _ = await audit.list_entries(conn, AuditFilter(), 50)
    return [(entry.action, entry.target, entry.details) for entry in reversed(entries)]


async def test_a_key_is_found_by_its_digest_and_is_nowhere_in_the_database(conn: Conn) -> None:
    made = await make(conn, "ci", KEY, Scope.ENQUEUE, Scope.READ)
    await make(conn, "other", OTHER, Scope.MANAGE)
    digest = digest_of(KEY.encode())
    assert await keys.find(conn, [digest, b"stranger"]) == {
        digest: FoundKey(
            Actor(kind=ActorKind.KEY, id=made.id, name="ci", scopes=frozenset({Scope.ENQUEUE, Scope.READ})),
            None,
        )
    }
    assert (made.hint, made.created_by, made.last_used_at) == (KEY[-4:], "lisa", None)
    assert [record.name for record in await keys.list_all(conn)] == ["ci", "other"]
    for table in ("lapinq_api_keys", "lapinq_audit"):
        rows = await (await conn.execute(f"SELECT t::text FROM {table} t")).fetchall()  # pyright: ignore[reportArgumentType]
        assert not any(KEY[7:] in row[0] for row in rows)


async def test_a_name_is_given_once_and_the_number_of_keys_is_bounded(conn: Conn) -> None:
    made = await make(conn)
    with pytest.raises(NameTaken):
        await make(conn, "ci", OTHER)
    await conn.execute(
        "INSERT INTO lapinq_api_keys (name, key_hash, hint, scopes, created_by, created_at)"
        " SELECT n, sha256(n::text::bytea), 'abcd', '{read}', 'x', now() FROM generate_series(2, %s) n",
        (keys.MAX_KEYS,),
    )
    with pytest.raises(TooManyKeys):
        await make(conn, "one more", OTHER)
    assert len(await keys.list_all(conn)) == keys.MAX_KEYS
    assert await actions(conn) == [("key.create", str(made.id), {"name": "ci", "scopes": ["enqueue"]})]


async def test_of_two_at_once_that_would_be_the_last_one_is_made(connections: Connections) -> None:
    one, two = await connections(2)
    await one.execute(
        "INSERT INTO lapinq_api_keys (name, key_hash, hint, scopes, created_by, created_at)"
        " SELECT n, sha256(n::text::bytea), 'abcd', '{read}', 'x', now() FROM generate_series(2, %s) n",
        (keys.MAX_KEYS,),
    )
    both = await asyncio.gather(make(one), make(two, "other", OTHER), return_exceptions=True)
    assert sum(isinstance(outcome, TooManyKeys) for outcome in both) == 1
    assert len(await keys.list_all(one)) == keys.MAX_KEYS


async def test_a_deletion_is_noted_and_announced_and_happens_once(database: str, conn: Conn) -> None:
    made = await make(conn)
    with psycopg.connect(database, autocommit=True) as listener:
        listener.execute(f"LISTEN {ACCESS_CHANNEL}")
        assert await keys.delete(conn, made.id, by=OPERATOR)
        assert not await keys.delete(conn, made.id, by=OPERATOR)
        assert [note.payload for note in listener.notifies(timeout=1)] == [f"key {made.id}"]
    assert await keys.find(conn, [digest_of(KEY.encode())]) == {}
    assert (await actions(conn))[1:] == [("key.delete", str(made.id), {"name": "ci"})]


async def test_a_key_is_found_until_it_expires(conn: Conn) -> None:
    new = NewKey(name="ci", scopes=[Scope.READ], queues=["mail"], expires_in=3600)
    made = await keys.create(conn, new, KEY, by=OPERATOR)
    [found] = (await keys.find(conn, [digest_of(KEY.encode())])).values()
    assert found.actor.queues == {"mail"}
    assert found.seconds_left is not None
    assert 3500 < found.seconds_left <= 3600
    assert (made.is_expired, made.queues) == (False, ["mail"])
    await conn.execute("UPDATE lapinq_api_keys SET expires_at = lapinq_now()")
    assert await keys.find(conn, [digest_of(KEY.encode())]) == {}
    assert [one.is_expired for one in await keys.list_all(conn)] == [True]
    assert made.expires_at is not None
    details = {"scopes": ["read"], "queues": ["mail"], "expires_at": made.expires_at.isoformat()}
    assert await actions(conn) == [("key.create", str(made.id), {"name": "ci", **details})]


async def test_a_key_goes_with_the_user_who_made_it(conn: Conn) -> None:
    user = await users.create(conn, "ada", "hash", Role.ADMIN)
    await users.create(conn, "bob", "hash", Role.ADMIN)
    assert user is not None
    ada = msgspec.structs.replace(SOMEBODY, actor_kind=ActorKind.USER, actor_id=user.id, actor="ada")
    made = await keys.create(conn, NewKey(name="hers", scopes=[Scope.READ]), KEY, by=ada)
    nobodys = await make(conn, "nobody's", OTHER)
    assert (made.owner, nobodys.owner) == ("ada", None)
    assert await keys.names_of(conn, user.id) == ["hers"]
    async with conn.transaction():
        await users.delete(conn, user.id)
    assert [one.name for one in await keys.list_all(conn)] == ["nobody's"]
    with pytest.raises(UnknownOwner):
        await keys.create(conn, NewKey(name="late", scopes=[Scope.READ]), KEY, by=ada)


async def test_the_last_use_only_moves_on(conn: Conn) -> None:
    made = await make(conn)
    await keys.record_uses(conn, {made.id: 10.0, made.id + 1: 0.0})
    [record] = await keys.list_all(conn)
    used = record.last_used_at
    assert used is not None
    assert used < record.created_at
    await keys.record_uses(conn, {made.id: 3600.0})
    assert (await keys.list_all(conn))[0].last_used_at == used
    await keys.record_uses(conn, {made.id: 0.0})
    moved = (await keys.list_all(conn))[0].last_used_at
    assert moved is not None
    assert moved > used

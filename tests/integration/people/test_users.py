"""People in the database: names, the first user, the last admin."""

import asyncio

from lapinq_core.domain.accounts.account import Permission, Role
from lapinq_core.people import users
from lapinq_core.people.users import Changed, User
from tests.support.rows.factories import Conn, Connections


async def add(conn: Conn, username: str, role: Role = Role.USER, password_hash: str = "hash") -> User:
    user = await users.create(conn, username, password_hash, role)
    assert user is not None
    return user


async def test_a_name_is_given_once_in_capitals_or_not_and_found_so(conn: Conn) -> None:
    lisa = await add(conn, "Lisa")
    assert (lisa.role, lisa.permissions, lisa.has_default_password) == (Role.USER, {}, False)
    assert await users.create(conn, "lISA", "other", Role.ADMIN) is None
    found = await users.credentials(conn, "LISA")
    assert found is not None
    assert (found.id, found.username, found.password_hash) == (lisa.id, "Lisa", "hash")
    assert await users.credentials(conn, "nobody") is None
    await add(conn, "bob")
    assert [user.username for user in await users.list_all(conn)] == ["bob", "Lisa"]


async def test_the_first_user_is_made_once_however_many_servers_start(connections: Connections) -> None:
    conns = await connections(8)
    made = await asyncio.gather(
        *(
            users.create_first(conn, f"name {number}", "hash", has_default_password=True)
            for number, conn in enumerate(conns)
        )
    )
    assert [user_id is None for user_id in made].count(False) == 1
    [user] = await users.list_all(conns[0])
    assert (user.role, user.has_default_password) == (Role.ADMIN, True)
    assert await users.default_login(conns[0]) == user.username
    assert await users.has_any(conns[0])


async def test_a_new_password_is_the_default_one_no_more_and_wants_the_old_one(conn: Conn) -> None:
    assert not await users.has_any(conn)
    await users.create_first(conn, "lapinq", "old", has_default_password=True)
    known = await users.credentials(conn, "lapinq")
    assert known is not None
    await users.rehash(conn, known, "old, at another cost")
    assert await users.default_login(conn) == "lapinq"
    assert not await users.set_password(conn, known, "new")  # it was hashed anew meanwhile
    known = await users.credentials(conn, "lapinq")
    assert known is not None
    assert known.password_hash == "old, at another cost"
    assert await users.set_password(conn, known, "new")
    assert await users.default_login(conn) is None
    await users.rehash(conn, known, "late")
    current = await users.credentials(conn, "lapinq")
    assert current is not None
    assert current.password_hash == "new"


async def test_permissions_are_replaced_and_an_unknown_user_has_none(conn: Conn) -> None:
    lisa = await add(conn, "lisa")
    first = {"video": frozenset({Permission.CANCEL, Permission.DELETE})}
    second = {"mail": frozenset({Permission.PAUSE})}
    for grants in (first, second, {}):
        user = await users.set_permissions(conn, lisa.id, grants)
        assert user is not None
        assert user.permissions == grants
    assert await users.set_permissions(conn, lisa.id + 1, first) is None


async def test_the_last_admin_stays_one_and_another_may_go(conn: Conn) -> None:
    ada, lisa = await add(conn, "ada", Role.ADMIN), await add(conn, "lisa")
    async with conn.transaction():
        assert await users.set_role(conn, ada.id, Role.USER) == (Changed.LAST_ADMIN, None)
        assert await users.delete(conn, ada.id) == (Changed.LAST_ADMIN, None)
        assert await users.delete(conn, 10**9) == (Changed.UNKNOWN, None)
        assert await users.set_role(conn, 10**9, Role.USER) == (Changed.UNKNOWN, None)
        changed, user = await users.set_role(conn, ada.id, Role.ADMIN)
        assert (changed, user) == (Changed.DONE, ada)
    async with conn.transaction():
        await users.set_role(conn, lisa.id, Role.ADMIN)
        changed, user = await users.delete(conn, ada.id)
        assert (changed, user) == (Changed.DONE, ada)
        assert await users.delete(conn, lisa.id) == (Changed.LAST_ADMIN, None)
    assert [user.username for user in await users.list_all(conn)] == ["lisa"]


async def test_of_two_admins_who_take_each_other_away_at_once_one_stays(connections: Connections) -> None:
    one, other = await connections(2)
    ada, lisa = await add(one, "ada", Role.ADMIN), await add(one, "lisa", Role.ADMIN)

    async def take(conn: Conn, user: User, how: str) -> Changed:
        async with conn.transaction():
            if how == "delete":
                changed, _ = await users.delete(conn, user.id)
            else:
                changed, _ = await users.set_role(conn, user.id, Role.USER)
            return changed

    # The first has decided and not committed when the second asks.
    async with one.transaction():
        changed, _ = await users.set_role(one, ada.id, Role.USER)
        assert changed is Changed.DONE
        second = asyncio.create_task(take(other, lisa, "delete"))
        done, _ = await asyncio.wait((second,), timeout=0.3)
        assert not done
    assert await second is Changed.LAST_ADMIN

    # And however they interleave.
    for how in ("delete", "demote", "delete"):
        async with one.transaction():
            for user in await users.list_all(one):
                await users.set_role(one, user.id, Role.ADMIN)
        names = {user.username for user in await users.list_all(one)}
        if len(names) < 2:
            await add(one, "ada" if "lisa" in names else "lisa", Role.ADMIN)
        first, last = await users.list_all(one)
        changes = await asyncio.gather(take(one, first, how), take(other, last, how))
        assert sorted(changes) == [Changed.DONE, Changed.LAST_ADMIN]
        admins = [user for user in await users.list_all(one) if user.role is Role.ADMIN]
        assert len(admins) == 1

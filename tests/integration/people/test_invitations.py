"""A one-time link lets in once: of two who use it at the same moment, the second finds it used."""

from lapinq_core.domain.accounts.account import Role
from lapinq_core.people import invitations, users
from lapinq_core.people.invitations import Purpose
from tests.support.rows.factories import Conn


async def test_a_link_sets_one_password_only(conn: Conn) -> None:
    await users.create(conn, "lisa", "no password", Role.USER)
    known = await users.credentials(conn, "lisa")
    assert known is not None
    link = await invitations.create(conn, known.id, Purpose.RESET, "admin")
    assert link is not None
    # Both have seen the page, which asks whether the link works.
    assert await invitations.use(conn, link.token, "the first hash") == (known.id, "lisa")
    assert await invitations.use(conn, link.token, "the second hash") is None
    now = await users.credentials(conn, "lisa")
    assert now is not None
    assert now.password_hash == "the first hash"

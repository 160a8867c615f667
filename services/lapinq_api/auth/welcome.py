"""Sets a password by a one-time link: the checks, their order, and the audit entry."""

import psycopg
from starlette.requests import Request

from lapinq_api.auth import throttle
from lapinq_api.credentials.caller import ACTOR_KEY, audit_entry
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.domain.accounts.passwords import check_password
from lapinq_core.people import audit, invitations, logins, sessions
from lapinq_core.people.invitations import Invitation


async def find_invitation(state: State, request: Request, token: str) -> Invitation | None:
    """The user whom the link of this request lets in.

    Raises `TooManyTries` after many links that let nobody in, `Overloaded` and `DatabaseUnavailable`.
    """
    tried = await throttle.count_link(state, request.scope)

    async def find(conn: psycopg.AsyncConnection) -> Invitation | None:
        found = await invitations.find(conn, token)
        if found is not None:
            await logins.succeeded(conn, tried)
        return found

    return await state.database.run(find)


async def set_first_password(state: State, request: Request, token: str, password: str) -> str | None:
    """Sets the password of the link's user and ends their sessions. Returns their name, None if the link doesn't work.

    Raises `InvalidValue` for an invalid password, and what `find_invitation` raises.
    """
    invited = await find_invitation(state, request, token)
    if invited is None:
        return None
    check_password("password", password, invited.username)
    password_hash = await state.passwords.hash(password)

    async def change(conn: psycopg.AsyncConnection) -> str | None:
        async with conn.transaction():
            used = await invitations.use(conn, token, password_hash)
            if used is None:
                return None
            user_id, username = used
            ended = await sessions.revoke_all(conn, user_id)
            request.scope[ACTOR_KEY] = Actor(kind=ActorKind.USER, id=user_id, name=username)
            details = {
                "id": user_id,
                "purpose": invited.purpose,
                "sessions_ended": len(ended[1]) if ended else 0,
            }
            await audit.record(conn, audit_entry(request, "user.link_used", username, details))
            return username

    username = await state.database.run(change)
    state.default_password.on_notify("")  # this server knows already; NOTIFY reaches the others
    return username

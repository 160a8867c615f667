"""The session of a request: from the token that it brings to the person that it stands for.

The database knows a token by its HMAC under the session secret alone: who reads the table can't log in, and who starts
the server with another secret ends all sessions.
"""

import hmac
import secrets
from typing import TYPE_CHECKING

from starlette.types import Scope

from lapinq_api.auth.cookies import is_token, token_in
from lapinq_api.credentials.caller import ACTOR_KEY, refusal_of, unauthenticated
from lapinq_api.wire.errors import Refused
from lapinq_core.people import sessions
from lapinq_core.people.sessions import Session

if TYPE_CHECKING:
    from lapinq_api.state import State

SESSION_KEY = "lapinq.session"


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def hash_of(state: "State", token: str) -> bytes:
    """What the database knows a token by."""
    return hmac.digest(state.session_secret, token.encode(), "sha256")


async def find_session(state: "State", token: str) -> Session | None:
    """The session of a token, in use from now on; None where there is none that holds.

    Also for a token that comes without a request, as on a WebSocket. Raises `DatabaseUnavailable`.
    """
    return await state.database.run(sessions.find, hash_of(state, token)) if is_token(token) else None


async def identify(state: "State", scope: Scope) -> Session | None:
    """The session of a request, kept in its scope with who asks; None, at no cost, without a cookie of ours.

    Raises `DatabaseUnavailable`.
    """
    scope.pop(SESSION_KEY, None)
    token = token_in(scope)
    session = None if token is None else await find_session(state, token)
    if session is not None:
        scope[SESSION_KEY] = session
        scope[ACTOR_KEY] = session.actor
    return session


async def check_still_admin(state: "State", scope: Scope) -> None:
    """Once the body of a request is there, which may take a while: whoever began it with a session is an admin still.

    Else somebody who is about to lose that could keep a request waiting. Raises `Refused` (401, 403).
    """
    if scope.pop(SESSION_KEY, None) is None:
        return  # a key: that of the settings does not change
    session = await identify(state, scope)
    if session is None:
        raise unauthenticated()
    if not session.actor.is_admin:
        raise refusal_of(session.actor, "do this: it takes an admin")


def session_of(scope: Scope) -> Session:
    """The session of a request. Raises `Refused`: 401 where nobody asks, 403 where a key does."""
    session: Session | None = scope.get(SESSION_KEY)
    if session is not None:
        return session
    if ACTOR_KEY in scope:
        raise Refused(403, "a key has no account: this takes a session")
    raise unauthenticated()


def token_hash_of(state: "State", scope: Scope) -> bytes:
    """What the database knows the session of this request by. Raises `Refused` (401) without one."""
    token = token_in(scope)
    if token is None:
        raise unauthenticated()
    return hash_of(state, token)

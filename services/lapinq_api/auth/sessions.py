"""The session of a request: from its token to the user.

The database stores only an HMAC of the token, under the session secret. Reading the table does not let anyone log in,
and a new secret ends all sessions.
"""

import hmac
import secrets
from typing import TYPE_CHECKING

from starlette.types import Scope

from lapinq_api.auth.cookies import is_token, token_in
from lapinq_api.credentials.caller import ACTOR_KEY, refusal_of, unauthenticated
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.sources import is_local_request
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.people import sessions
from lapinq_core.people.sessions import Session

if TYPE_CHECKING:
    from lapinq_api.state import State

SESSION_KEY = "lapinq.session"


def new_token() -> str:
    """A random token."""
    return secrets.token_urlsafe(32)


def hash_of(state: "State", token: str) -> bytes:
    """The hash under which the database stores `token`."""
    return hmac.digest(state.session_secret, token.encode(), "sha256")


async def find_session(state: "State", scope: Scope, token: str) -> Session | None:
    """The valid session of a token that a request or WebSocket brings, marked as used now; None if there is none.

    With the default password a session is valid in local requests alone. Raises `DatabaseUnavailable`.
    """
    if not is_token(token):
        return None
    session = await state.database.run(sessions.find, hash_of(state, token))
    if session is not None and session.has_default_password and not is_local_request(scope):
        return None
    return session


async def identify(state: "State", scope: Scope) -> Session | None:
    """The session of a request, stored in its scope with its user. Without our cookie: None, and no query.

    Raises `DatabaseUnavailable`.
    """
    scope.pop(SESSION_KEY, None)
    token = token_in(scope)
    session = None if token is None else await find_session(state, scope, token)
    if session is not None:
        scope[SESSION_KEY] = session
        scope[ACTOR_KEY] = session.actor
    return session


async def check_still_admin(state: "State", scope: Scope) -> None:
    """Checks after the body has arrived, which may take long, that the session still is an admin's.

    Otherwise somebody who is about to lose that role could keep a request waiting. Raises `Refused` (401, 403).
    """
    if scope.pop(SESSION_KEY, None) is None:
        return  # a key, not a session: the key in the settings doesn't change
    session = await identify(state, scope)
    if session is None:
        raise unauthenticated()
    if not session.actor.is_admin:
        raise refusal_of(session.actor, "do this: it takes an admin")


def session_of(scope: Scope) -> Session:
    """The session of a request. Raises `Refused`: 401 without credentials, 403 with a key."""
    session: Session | None = scope.get(SESSION_KEY)
    if session is not None:
        return session
    actor: Actor | None = scope.get(ACTOR_KEY)
    if actor is not None and actor.kind is not ActorKind.ANONYMOUS:
        raise Refused(403, "a key has no account: this needs a session")
    raise unauthenticated()


def token_hash_of(state: "State", scope: Scope) -> bytes:
    """The stored hash of the request's session token. Raises `Refused` (401) without one."""
    token = token_in(scope)
    if token is None:
        raise unauthenticated()
    return hash_of(state, token)

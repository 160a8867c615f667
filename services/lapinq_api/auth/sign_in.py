"""Login, logout and password change: the checks, their order, and their audit entries.

An attempt is counted before the password is checked, and the count is undone if it was right. So simultaneous guesses
can't slip through together. An unknown name takes the same time and gets the same answer as a wrong password.
"""

import logging

import psycopg
from starlette.requests import Request

from lapinq_api.auth import throttle
from lapinq_api.auth.cookies import token_in, tokens_in
from lapinq_api.auth.refusal_log import record_failed_login
from lapinq_api.auth.sessions import hash_of, new_token, session_of, token_hash_of
from lapinq_api.auth.throttle import Tried
from lapinq_api.credentials.caller import ACTOR_KEY, audit_entry
from lapinq_api.credentials.passwords import PasswordCheck
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.headers import REQUEST_ID_KEY
from lapinq_api.wire.sources import is_local_request
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import ANONYMOUS, Actor, ActorKind
from lapinq_core.domain.accounts.passwords import check_password, could_be_username
from lapinq_core.people import audit, logins, sessions, users
from lapinq_core.people.audit import Author
from lapinq_core.people.users import Credentials

MAX_USER_AGENT = 500

log = logging.getLogger(__name__)


class DefaultPasswordElsewhere(Refused):
    """The default password, which everybody knows, logs in local requests alone."""

    def __init__(self) -> None:
        super().__init__(403, "the default password works on the machine of the server only")


async def sign_in(state: State, request: Request, username: str, password: str) -> str | None:
    """The token of a new session; None if name or password is wrong. Ends the session of the request, if any.

    Raises `DefaultPasswordElsewhere`, `TooManyTries`, `Overloaded` and `DatabaseUnavailable`.
    """
    tried = await throttle.count_login(state, request.scope, username)
    known: Credentials | None = None
    # Twice: during the check, another login may have rehashed the password.
    for _ in range(2):
        known = await _credentials(state, username)
        verdict = await state.passwords.check(password, known.password_hash if known else None)
        if known is None or not verdict.is_right:
            break
        if known.has_default_password and not is_local_request(request.scope):
            await _note_failure(state, request, known)
            raise DefaultPasswordElsewhere
        token = await _begin(state, request, known, tried)
        if token is not None:
            await _rehash(state, known, verdict)
            return token
    await _note_failure(state, request, known)
    return None


async def _begin(state: State, request: Request, known: Credentials, tried: Tried) -> str | None:
    """The token of a new session; None if the password has changed since it was checked."""
    old, token = token_in(request.scope), new_token()

    async def begin(conn: psycopg.AsyncConnection) -> str | None:
        async with conn.transaction():
            session = await sessions.create(
                conn,
                hash_of(state, token),
                known,
                address=_address(request),
                user_agent=_user_agent(request),
            )
            if session is None:
                return None
            details = {"session": session}
            if old is not None and (ended := await sessions.end(conn, hash_of(state, old))) is not None:
                details |= {"in_place_of": ended.id, "of": ended.username}
            await logins.succeeded(conn, tried)
            request.scope[ACTOR_KEY] = Actor(kind=ActorKind.USER, id=known.id, name=known.username)
            await audit.record(conn, audit_entry(request, "session.login", known.username, details))
            return token

    return await state.database.run(begin)


async def _rehash(state: State, known: Credentials, verdict: PasswordCheck) -> None:
    """Stores the password at the current cost. Not in the transaction of the session, which locks the user's row."""
    if verdict.new_hash is None:
        return
    try:
        await state.database.run(users.rehash, known, verdict.new_hash)
    except DatabaseUnavailable as error:
        log.info("a password could not be rehashed; the next login tries again: %s", error)


async def sign_out(state: State, request: Request) -> None:
    """Ends every session whose token the request carries."""
    hashes = [hash_of(state, token) for token in tokens_in(request.scope)]

    async def finish(conn: psycopg.AsyncConnection) -> None:
        for token_hash in hashes:
            async with conn.transaction():
                ended = await sessions.end(conn, token_hash)
                if ended is None:
                    continue
                actor = Actor(kind=ActorKind.USER, id=ended.user_id, name=ended.username)
                request.scope[ACTOR_KEY] = actor
                await audit.record(
                    conn, audit_entry(request, "session.logout", actor.name, {"session": ended.id})
                )

    if hashes:
        await state.database.run(finish)


async def change_password(state: State, request: Request, current: str, new: str) -> int:
    """Changes the caller's password and ends their other sessions. Returns how many ended.

    Raises `InvalidValue` for an invalid password, `Refused` (403) if `current` is wrong, and what `sign_in` raises.
    """
    session = session_of(request.scope)
    check_password("new_password", new, session.username)
    tried = await throttle.count_guess(state, session)
    known = await _credentials(state, session.username)
    verdict = await state.passwords.check(current, known.password_hash if known else None)
    if known is None or not verdict.is_right:
        _log_failure(request)
        raise Refused(403, "the current password is wrong")
    new_hash = await state.passwords.hash(new)
    token_hash = token_hash_of(state, request.scope)

    async def change(conn: psycopg.AsyncConnection) -> int | None:
        async with conn.transaction():
            if not await users.set_password(conn, known, new_hash):
                return None
            ended = await sessions.revoke_others(conn, known.id, token_hash)
            await logins.succeeded(conn, tried)
            entry = audit_entry(request, "account.password", known.username, {"sessions_ended": len(ended)})
            await audit.record(conn, entry)
            return len(ended)

    ended = await state.database.run(change)
    state.default_password.on_notify("")  # this server knows already; NOTIFY reaches the others
    if ended is None:
        raise Refused(403, "the current password is wrong: it has just been changed")
    return ended


async def _credentials(state: State, username: str) -> Credentials | None:
    return await state.database.run(users.credentials, username) if could_be_username(username) else None


async def _note_failure(state: State, request: Request, known: Credentials | None) -> None:
    _log_failure(request)
    stranger = Author(
        actor_kind=ActorKind.ANONYMOUS,
        actor=ANONYMOUS.name,
        address=_address(request),
        request_id=request.scope.get(REQUEST_ID_KEY),
    )
    await record_failed_login(state, stranger, known.username if known else None)


def _log_failure(request: Request) -> None:
    """Doesn't log the name, which may be a password typed into the wrong field."""
    log.warning(
        "failed login from %s", _address(request), extra={"request_id": request.scope.get(REQUEST_ID_KEY)}
    )


def _address(request: Request) -> str | None:
    client = request.scope.get("client")
    return client[0] if client else None


def _user_agent(request: Request) -> str | None:
    given = request.headers.get("user-agent", "")[:MAX_USER_AGENT]
    return "".join(char for char in given if char.isprintable()) or None

"""The logged-in user: profile, password and sessions."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

import msgspec
import psycopg
from msgspec import Meta
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import session_of, token_hash_of
from lapinq_api.auth.sign_in import change_password
from lapinq_api.credentials.caller import audit_entry
from lapinq_api.operations.body import read_json, read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Role
from lapinq_core.domain.accounts.grants import write_grants
from lapinq_core.domain.accounts.passwords import MAX_PASSWORD, MIN_PASSWORD
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import as_list
from lapinq_core.domain.requests.decoding import decode
from lapinq_core.domain.requests.values import WITHOUT_NUL
from lapinq_core.people import audit, invitations, sessions
from lapinq_core.people.logins import MAX_PER_SESSION

SESSION_ID = Parameter(
    name="id",
    where="path",
    description="The id of one of your sessions.",
    schema={"type": "string", "format": "uuid"},
)


class Me(msgspec.Struct):
    """The logged-in user. `reads` are the queues that you may read besides those of your permissions, null for all.
    `has_default_password`: the default password is still in use.
    """

    id: int
    username: str
    role: Role
    permissions: dict[str, list[str]]
    reads: list[str] | None
    has_default_password: bool


class PasswordChange(msgspec.Struct, forbid_unknown_fields=True):
    """A password has 8 to 1024 characters, differs from the username and is not a common one."""

    current_password: str
    new_password: Annotated[
        str,
        Meta(
            extra_json_schema={"minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD, "pattern": WITHOUT_NUL},
            examples=["correct horse battery staple"],
        ),
    ]


class PasswordChanged(msgspec.Struct):
    """The password was changed, and how many other sessions were ended."""

    changed: bool
    sessions_ended: int


class SessionObject(msgspec.Struct):
    """A session. `is_current`: the session of this request."""

    id: str
    created_at: datetime
    seen_at: datetime
    address: str | None
    user_agent: str | None
    is_current: bool


class SessionsEnded(msgspec.Struct):
    """How many sessions were ended."""

    ended: int


async def me(state: State, request: Request) -> Response:
    session = session_of(request.scope)
    return Json(
        Me(
            session.user_id,
            session.username,
            session.role,
            write_grants(session.permissions),
            as_list(session.reads),
            session.has_default_password,
        )
    )


async def set_password(state: State, request: Request) -> Response:
    body = await read_json(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    asked = decode(_password_change, body)
    ended = await change_password(state, request, asked.current_password, asked.new_password)
    return Json(PasswordChanged(changed=True, sessions_ended=ended))


async def list_sessions(state: State, request: Request) -> Response:
    session = session_of(request.scope)
    token_hash = token_hash_of(state, request.scope)
    found = await state.database.run(sessions.list_of, session.user_id, token_hash)
    return Json([SessionObject(**msgspec.structs.asdict(line)) for line in found])


async def end_session(state: State, request: Request) -> Response:
    session = session_of(request.scope)
    which = request.path_params["id"]
    if not _ID.fullmatch(which):
        raise InvalidValue("id", "must be a session's id")
    await _read_no_fields(state, request)

    async def revoke(conn: psycopg.AsyncConnection) -> bool:
        async with conn.transaction():
            if not await sessions.revoke(conn, session.user_id, which):
                return False
            await audit.record(
                conn, audit_entry(request, "session.revoke", session.username, {"sessions": [which]})
            )
        return True

    if not await state.database.run(revoke):
        raise Refused(HTTPStatus.NOT_FOUND, "you have no session with this id")
    return Json(SessionsEnded(1))


async def end_other_sessions(state: State, request: Request) -> Response:
    session = session_of(request.scope)
    token_hash = token_hash_of(state, request.scope)
    await _read_no_fields(state, request)

    async def revoke(conn: psycopg.AsyncConnection) -> list[str]:
        async with conn.transaction():
            had_link = await invitations.end(conn, session.user_id)
            ended = await sessions.revoke_others(conn, session.user_id, token_hash)
            if ended or had_link:
                details = {"sessions": ended, "link": had_link}
                entry = audit_entry(request, "session.revoke", session.username, details)
                await audit.record(conn, entry)
            return ended

    return Json(SessionsEnded(len(await state.database.run(revoke))))


_password_change = msgspec.json.Decoder(PasswordChange)
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


async def _read_no_fields(state: State, request: Request) -> None:
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)


OPERATIONS = (
    Operation(
        method="GET",
        path="/me",
        handler=me,
        needs=Needs.SESSION,
        tag="account",
        summary="Get the logged-in user",
        answers={200: Answer(description="You.", body=Me)},
    ),
    Operation(
        method="POST",
        path="/account/password",
        handler=set_password,
        needs=Needs.SESSION,
        tag="account",
        summary="Change your password",
        description=(
            f"Ends all your other sessions. After {MAX_PER_SESSION} wrong guesses of the current password,"
            " the session cannot try again for a while."
        ),
        body=PasswordChange,
        answers={200: Answer(description="It is changed.", body=PasswordChanged)},
        errors={403: "The current password is wrong.", 429: "Too many guesses or requests."},
    ),
    Operation(
        method="GET",
        path="/account/sessions",
        handler=list_sessions,
        needs=Needs.SESSION,
        tag="account",
        summary="Your sessions",
        answers={
            200: Answer(
                description="Your sessions, the latest in use first.",
                body=list[SessionObject],
                links={"end_session": {"id": "$response.body#/1/id"}},
            )
        },
    ),
    Operation(
        method="DELETE",
        path="/account/sessions",
        handler=end_other_sessions,
        needs=Needs.SESSION,
        tag="account",
        summary="End all your other sessions",
        description="Your one-time link, if an admin made one, stops working, too.",
        answers={200: Answer(description="The sessions are ended.", body=SessionsEnded)},
    ),
    Operation(
        method="DELETE",
        path="/account/sessions/{id}",
        handler=end_session,
        needs=Needs.SESSION,
        tag="account",
        summary="End one of your sessions",
        parameters=(SESSION_ID,),
        answers={200: Answer(description="The session is ended.", body=SessionsEnded)},
        errors={404: "You have no session with this id."},
    ),
)

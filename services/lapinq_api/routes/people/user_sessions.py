"""An admin ends all sessions of a user, and their one-time link."""

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.auth.sessions import check_still_admin
from lapinq_api.credentials.caller import audit_entry
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.routes.people.account import SessionsEnded
from lapinq_api.routes.people.users import UNKNOWN, USER_ID, unknown_user, user_id_of
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.people import audit, invitations, sessions


async def end_user_sessions(state: State, request: Request) -> Response:
    which = user_id_of(request)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    await check_still_admin(state, request.scope)

    async def revoke(conn: psycopg.AsyncConnection) -> list[str] | None:
        async with conn.transaction():
            had_link = await invitations.end(conn, which)
            found = await sessions.revoke_all(conn, which)
            if found is None:
                return None
            username, ended = found
            if ended or had_link:
                details = {"id": which, "sessions": ended, "link": had_link}
                await audit.record(conn, audit_entry(request, "session.revoke", username, details))
            return ended

    ended = await state.database.run(revoke)
    if ended is None:
        raise unknown_user()
    return Json(SessionsEnded(len(ended)))


OPERATIONS = (
    Operation(
        method="DELETE",
        path="/admin/users/{id}/sessions",
        handler=end_user_sessions,
        needs=Needs.ADMIN,
        tag="users",
        summary="End all sessions of a user",
        description=(
            "They have to log in again everywhere, and their one-time link stops working. Your own sessions end too, if"
            " it is you."
        ),
        parameters=(USER_ID,),
        answers={200: Answer(description="The sessions are ended.", body=SessionsEnded)},
        errors=UNKNOWN,
    ),
)

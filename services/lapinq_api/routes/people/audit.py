"""Lists the audit log."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.operations.endpoint import Answer, Needs, Operation, query_of
from lapinq_api.operations.filters.audit import ACTION, ACTOR, SINCE, TARGET, UNTIL, read_filter
from lapinq_api.operations.paging import CURSOR_HEADERS, LIMIT, NUMBER_CURSOR, next_number, read_limit
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.people import audit
from lapinq_core.people.audit import Recorded


async def list_audit(state: State, request: Request) -> Response:
    query = query_of(request)
    entries, last = await state.database.scan(audit.list_entries, read_filter(query), read_limit(query))
    return Json(entries, headers=next_number(last))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/audit",
        handler=list_audit,
        needs=Needs.ADMIN,
        tag="audit",
        summary="List changes by users and keys, newest first",
        parameters=(ACTOR, ACTION, TARGET, SINCE, UNTIL, LIMIT, NUMBER_CURSOR),
        answers={
            200: Answer(
                description="The entries.",
                body=list[Recorded],
                headers=CURSOR_HEADERS,
                links={"list_audit": {"cursor": "$response.header.X-Next-Cursor"}},
            )
        },
    ),
)

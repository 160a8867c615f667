"""Looking at the audit log."""

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.codec import Json
from lapinq_api.database import LIST_BUDGET_SECONDS
from lapinq_api.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.paging import CURSOR_HEADERS, LIMIT, NUMBER_CURSOR, next_number, read_limit, read_number
from lapinq_api.query import moment
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.store import audit
from lapinq_core.store.audit import Recorded
from lapinq_core.store.audit_filters import AuditFilter

_LONGEST_TEXT = 1000


async def list_audit(state: State, request: Request) -> Response:
    query = query_of(request)
    entries, last = await state.database.within(
        LIST_BUDGET_SECONDS, audit.list_entries, _filter(query), read_limit(query)
    )
    return Json(entries, headers=next_number(last))


def _filter(query: dict[str, str]) -> AuditFilter:
    return AuditFilter(
        actor=_text("actor", query.get("actor")),
        action=_text("action", query.get("action")),
        target=_text("target", query.get("target")),
        since=moment("since", query.get("since")),
        until=moment("until", query.get("until")),
        before=read_number(query),
    )


def _text(name: str, text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= _LONGEST_TEXT:
        raise InvalidValue(name, f"must have 1 to {_LONGEST_TEXT} characters")
    if text is not None and "\x00" in text:
        raise InvalidValue(name, "must not contain the character NUL")
    return text


_TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": _LONGEST_TEXT}
_TIME_SCHEMA = {"type": "string", "format": "date-time"}

OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/audit",
        handler=list_audit,
        needs=Needs.ADMIN,
        tag="audit",
        summary="List what people and keys changed, newest first",
        parameters=(
            Parameter(name="actor", description="Only changes by this name, exactly.", schema=_TEXT_SCHEMA),
            Parameter(
                name="action", description="Only this action, such as task.cancel.", schema=_TEXT_SCHEMA
            ),
            Parameter(name="target", description="Only changes of this, exactly.", schema=_TEXT_SCHEMA),
            Parameter(name="since", description="Only changes from this time on.", schema=_TIME_SCHEMA),
            Parameter(name="until", description="Only changes before this time.", schema=_TIME_SCHEMA),
            LIMIT,
            NUMBER_CURSOR,
        ),
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

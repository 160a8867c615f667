"""Looking at the audit log."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode

from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.codec import Json
from lapinq_api.database import LIST_BUDGET_SECONDS
from lapinq_api.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.query import moment, whole_number
from lapinq_api.state import State
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.store import audit
from lapinq_core.store.audit import Recorded
from lapinq_core.store.audit_filters import AuditFilter

DEFAULT_LIMIT = 50
MOST_LISTED = 1000
_LONGEST_TEXT = 1000


async def list_audit(state: State, request: Request) -> Response:
    query = query_of(request)
    limit = whole_number("limit", query.get("limit"), DEFAULT_LIMIT, lowest=1, highest=MOST_LISTED)
    entries, last = await state.database.within(
        LIST_BUDGET_SECONDS, audit.list_entries, _filter(query), limit
    )
    return Json(entries, headers=None if last is None else {"X-Next-Cursor": _cursor(last)})


def _filter(query: dict[str, str]) -> AuditFilter:
    cursor = query.get("cursor")
    return AuditFilter(
        actor=_text("actor", query.get("actor")),
        action=_text("action", query.get("action")),
        target=_text("target", query.get("target")),
        since=moment("since", query.get("since")),
        until=moment("until", query.get("until")),
        before=None if cursor is None else _read_cursor(cursor),
    )


def _text(name: str, text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= _LONGEST_TEXT:
        raise InvalidValue(name, f"must have 1 to {_LONGEST_TEXT} characters")
    if text is not None and "\x00" in text:
        raise InvalidValue(name, "must not contain the character NUL")
    return text


def _cursor(last: int) -> str:
    return urlsafe_b64encode(last.to_bytes(8)).rstrip(b"=").decode()


def _read_cursor(text: str) -> int:
    if not _CURSOR.fullmatch(text):
        raise InvalidValue("cursor", "must be what an X-Next-Cursor header said")
    return int.from_bytes(urlsafe_b64decode(f"{text}="), signed=True)


_CURSOR = re.compile(r"[A-Za-z0-9_-]{11}")
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
            Parameter(
                name="limit",
                description="Most entries to answer.",
                schema={"type": "integer", "minimum": 1, "maximum": MOST_LISTED, "default": DEFAULT_LIMIT},
            ),
            Parameter(
                name="cursor",
                description="Go on where a page ended, with what its X-Next-Cursor header said.",
                schema={"type": "string", "pattern": f"^{_CURSOR.pattern}$"},
            ),
        ),
        answers={
            200: Answer(
                description="The entries.",
                body=list[Recorded],
                headers={"X-Next-Cursor": "What to give as `cursor` for the next page, where there is one."},
                links={"list_audit": {"cursor": "$response.header.X-Next-Cursor"}},
            )
        },
    ),
)

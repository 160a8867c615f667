"""Filters of the audit log, read from a query string."""

from collections.abc import Mapping

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.paging import read_number
from lapinq_api.wire.query import moment
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.people.audit_filters import AuditFilter

_MAX_TEXT = 1000
_TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": _MAX_TEXT}
_TIME_SCHEMA = {"type": "string", "format": "date-time"}

ACTOR = Parameter(name="actor", description="Only changes by exactly this name.", schema=_TEXT_SCHEMA)
ACTION = Parameter(name="action", description="Only this action, such as task.cancel.", schema=_TEXT_SCHEMA)
TARGET = Parameter(name="target", description="Only changes of exactly this target.", schema=_TEXT_SCHEMA)
SINCE = Parameter(name="since", description="Only changes at or after this time.", schema=_TIME_SCHEMA)
UNTIL = Parameter(name="until", description="Only changes before this time.", schema=_TIME_SCHEMA)


def read_filter(query: Mapping[str, str]) -> AuditFilter:
    """The filter in `query`, with its cursor. Raises `InvalidValue`."""
    return AuditFilter(
        actor=_text("actor", query.get("actor")),
        action=_text("action", query.get("action")),
        target=_text("target", query.get("target")),
        since=moment("since", query.get("since")),
        until=moment("until", query.get("until")),
        before=read_number(query),
    )


def _text(name: str, text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= _MAX_TEXT:
        raise InvalidValue(name, f"must have 1 to {_MAX_TEXT} characters")
    if text is not None and "\x00" in text:
        raise InvalidValue(name, "must not contain the character NUL")
    return text

"""Filters of the schedules, and their cursor, read from a query string."""

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.paging import cursor_parameter, wrong_cursor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.values import NAME_SCHEMA, WITHOUT_NUL
from lapinq_core.domain.schedules.schedule import ScheduleState, check_schedule_name
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.schedules.schedules import ScheduleFilter

_MAX_TEXT = 1000
_TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": _MAX_TEXT, "pattern": WITHOUT_NUL}

QUEUE = Parameter(name="queue", description="Only schedules that enqueue to this queue.", schema=NAME_SCHEMA)
NAME_PART = Parameter(
    name="name",
    description="Only schedules whose name or task name contains this, ignoring case.",
    schema=_TEXT_SCHEMA,
)
STATE = Parameter(
    name="state", description="Only this state.", schema={"type": "string", "enum": list(ScheduleState)}
)
SOURCE = Parameter(
    name="source", description="Only schedules managed by this file or module.", schema=_TEXT_SCHEMA
)


def read_filter(query: Mapping[str, str]) -> ScheduleFilter:
    """The filter in `query`. Raises `InvalidValue`."""
    queue, state = query.get("queue"), query.get("state")
    if queue is not None:
        check_name("queue", queue)
    if state is not None and state not in set(ScheduleState):
        raise InvalidValue("state", f"must be one of {', '.join(ScheduleState)}")
    return ScheduleFilter(
        queue=queue,
        part=_text("name", query.get("name")),
        state=ScheduleState(state) if state else None,
        source=_text("source", query.get("source")),
    )


def read_after(query: Mapping[str, str]) -> str | None:
    """The name after which the page starts; None for the first page. Raises `InvalidValue`."""
    text = query.get("cursor")
    if text is None:
        return None
    try:
        name = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode() if _CURSOR.fullmatch(text) else ""
        check_schedule_name(name)
    except (binascii.Error, UnicodeDecodeError, InvalidValue) as error:
        raise wrong_cursor() from error
    return name


def cursor_after_name(last: str) -> str:
    """The cursor after the schedule of this name."""
    return urlsafe_b64encode(last.encode()).rstrip(b"=").decode()


def _text(name: str, text: str | None) -> str | None:
    if text is not None and not 1 <= len(text) <= _MAX_TEXT:
        raise InvalidValue(name, f"must have 1 to {_MAX_TEXT} characters")
    if text is not None and "\0" in text:
        raise InvalidValue(name, "must not contain the character NUL")
    return text


_CURSOR = re.compile(r"[A-Za-z0-9_-]{2,1360}")

CURSOR = cursor_parameter(_CURSOR.pattern)

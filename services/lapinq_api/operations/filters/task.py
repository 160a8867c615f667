"""Filters of tasks: the query parameters, and reading them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from uuid import UUID

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.paging import cursor_parameter, wrong_cursor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.tasks.filters import TaskFilter, containing

MAX_TEXT = 1000


def read_filter(query: dict[str, str]) -> TaskFilter:
    """The filter in `query`. Raises `InvalidValue`."""
    queue, name, status, cursor = (query.get(key) for key in ("queue", "task_name", "status", "cursor"))
    if queue is not None:
        check_name("queue", queue)
    if name is not None:
        check_name("task_name", name)
    if status is not None and status not in set(Status):
        raise InvalidValue("status", f"must be one of {', '.join(Status)}")
    return TaskFilter(
        queue=queue,
        status=Status(status) if status else None,
        task_name=containing(name) if name else None,
        args=_read_text("args", query),
        result=_read_text("result", query),
        error=_read_text("error", query),
        before=_read_cursor(cursor) if cursor is not None else None,
    )


def ids_beginning_with(text: str) -> tuple[str, str]:
    """The lowest and the highest id that start with `text`. Raises `InvalidValue`."""
    text = text.strip().lower()
    if not _BEGIN.fullmatch(text):
        raise InvalidValue("id", "must be the start of a task id")
    return text + _LOWEST_ID[len(text) :], text + _HIGHEST_ID[len(text) :]


def cursor_after(last: str) -> str:
    """The `cursor` after the task `last`."""
    return urlsafe_b64encode(UUID(last).bytes).rstrip(b"=").decode()


def _read_text(name: str, query: dict[str, str]) -> str | None:
    text = query.get(name)
    if text is None:
        return None
    # Every text contains the empty one, and nobody means to delete everything by an empty filter.
    if not 1 <= len(text) <= MAX_TEXT:
        raise InvalidValue(name, f"must have 1 to {MAX_TEXT} characters")
    if "\0" in text:
        raise InvalidValue(name, "must not contain the character NUL")
    return containing(text)


def _read_cursor(text: str) -> str:
    if not _CURSOR.fullmatch(text):
        raise wrong_cursor()
    return str(UUID(bytes=urlsafe_b64decode(f"{text}==")))


_LOWEST_ID = "00000000-0000-0000-0000-000000000000"
_HIGHEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
BEGIN_OF_ID = "X{1,8}|X{8}(-X{4}){0,2}-X{0,4}|X{8}(-X{4}){3}-X{0,12}".replace("X", "[0-9a-fA-F]")
"""A pattern for the start of an id."""
_BEGIN = re.compile(BEGIN_OF_ID)
_CURSOR = re.compile(r"[A-Za-z0-9_-]{22}")
TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": "^[^\\u0000]*$"}

QUEUE = Parameter(name="queue", description="Only this queue.", schema=NAME_SCHEMA)
STATUS = Parameter(
    name="status", description="Only this status.", schema={"type": "string", "enum": list(Status)}
)
TASK_NAME = Parameter(
    name="task_name",
    description="Only task names that contain this, ignoring case (ILIKE).",
    schema=NAME_SCHEMA,
)
ARGS = Parameter(
    name="args",
    description="Only tasks whose positional arguments contain this as JSON text (ILIKE).",
    schema=TEXT_SCHEMA,
)
RESULT = Parameter(
    name="result",
    description="Only tasks whose result contains this as JSON text (ILIKE).",
    schema=TEXT_SCHEMA,
)
ERROR = Parameter(
    name="error",
    description="Only tasks whose error contains this (ILIKE).",
    schema=TEXT_SCHEMA,
)
CURSOR = cursor_parameter(_CURSOR.pattern)

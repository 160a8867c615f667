"""The filters of the published live table: messages of names and values.

A message changes the filters that it names; an empty value removes one. Values are literal, without wildcards.
"""

from typing import Any

import msgspec

from lapinq_api.operations.filters.task_values import ids_beginning_with
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.tasks.filters import TaskFilter, literally

NAMES = ("queue", "id", "status", "task_name", "args", "result", "error")
MAX_TEXT = 1000


def change(filters: dict[str, str], message: dict[str, Any]) -> dict[str, str]:
    """`filters` with the changes in `message`. Raises `InvalidValue`."""
    changed = dict(filters)
    for name, text in message.items():
        if name not in NAMES:
            raise InvalidValue(name, "is not a known filter")
        if not isinstance(text, str):
            raise InvalidValue(name, "must be a string")
        if len(text) > MAX_TEXT or "\0" in text or _is_broken(text):
            raise InvalidValue(name, f"must be text of at most {MAX_TEXT} characters")
        if text:
            changed[name] = text
        else:
            changed.pop(name, None)
    as_filter(changed)
    return changed


def as_filter(filters: dict[str, str]) -> TaskFilter:
    """`filters` as a `TaskFilter`. Raises `InvalidValue`."""
    chosen = TaskFilter(queue=filters.get("queue"))
    if status := filters.get("status"):
        if status not in set(Status):
            raise InvalidValue("status", f"must be one of {', '.join(Status)}")
        chosen = msgspec.structs.replace(chosen, status=Status(status))
    if begin := filters.get("id"):
        first, last = ids_beginning_with(begin)
        chosen = msgspec.structs.replace(chosen, first=first, last=last)
    contained = {
        name: literally(filters[name]) for name in ("task_name", "args", "result", "error") if name in filters
    }
    return msgspec.structs.replace(chosen, **contained)


def _is_broken(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)

"""The arguments of a task in one line, for lists: `"a@b", retries=3`. Values are JSON."""

from typing import Any, cast

import msgspec

from lapinq_api.credentials.payloads import PayloadView
from lapinq_core.domain.redact import HIDDEN
from lapinq_core.tasks.inspect import TaskLine

MAX_CHARACTERS = 160
"""More than fits into a column; the rest is cut."""


def preview(task: TaskLine, payloads: PayloadView) -> str:
    """The arguments as the audience of `payloads` may see them; an ellipsis stands for large ones."""
    parts: list[str] = []
    for name, text in (("args", task.args), ("kwargs", task.kwargs)):
        if text is None:
            parts.append("…")
        elif text not in _EMPTY:
            parts += _shown(name, text, task.queue_name, payloads)
    line = ", ".join(parts)
    return line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS - 1]}…"


def _shown(name: str, text: str, queue: str, payloads: PayloadView) -> list[str]:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:  # e.g. a number that doesn't fit a double
        return [HIDDEN if payloads.hides(queue) else text[1:-1]]
    if payloads.hides(queue):
        found = payloads.mask_object({name: found}, queue)[name]
    if isinstance(found, list):
        return [_json(value) for value in cast("list[Any]", found)]
    return [f"{key}={_json(value)}" for key, value in cast("dict[str, Any]", found).items()]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


_EMPTY = {"[]", "{}"}

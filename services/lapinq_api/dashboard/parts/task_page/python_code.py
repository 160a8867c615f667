"""Python code about a task: its call in one line, and the code that enqueues it again."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from lapinq_api.dashboard.parts.task_page.options import request_fields
from lapinq_core.lookup.task_detail import TaskDetail

MAX_BYTES = 100_000
MAX_ARGUMENT = 60
"""Characters of one argument in a call."""
MAX_ARGUMENTS = 20


class Argument(msgspec.Struct, frozen=True):
    """An argument of a call: its name if it has one, its value as a short text, and the class of its look."""

    name: str | None
    text: str
    kind: str


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call: its arguments, and whether there are more."""

    arguments: Sequence[Argument]
    has_more: bool


def call_of(args: str | None, kwargs: str | None) -> Call:
    """The call with these JSON texts as arguments. One that is None or of another shape, cut or hidden, is dots."""
    arguments = _positional(args) + _named(kwargs)
    return Call(arguments=arguments[:MAX_ARGUMENTS], has_more=len(arguments) > MAX_ARGUMENTS)


def enqueue_in_python(task: TaskDetail, server: str, *, needs_key: bool) -> str | None:
    """The code, without options that have their default; None if it would be too long.

    The task starts immediately, even if the original was scheduled.
    """
    fields = request_fields(task, lambda text: _Literal(_literal(json.loads(text))))
    if fields is None:
        return None
    key = ', api_key="…"' if needs_key else ""
    lines = [
        "from lapinq import TaskQueue",
        "",
        f"queue = TaskQueue({_literal(server)}{key})",
        "[task] = queue.batch_enqueue([{",
        *(f"    {_literal(name)}: {_literal(value)}," for name, value in fields.items()),
        "}])",
    ]
    code = "\n".join(lines)
    return code if len(code.encode()) <= MAX_BYTES else None


class _Literal(str):
    """A text that is code already."""

    __slots__ = ()


def _positional(args: str | None) -> list[Argument]:
    values = None if args is None else json.loads(args)
    if not isinstance(values, list):
        return [Argument(None, "*…", "brief")]
    return [_argument(None, value) for value in cast("list[Any]", values)]


def _named(kwargs: str | None) -> list[Argument]:
    values = None if kwargs is None else json.loads(kwargs)
    if not isinstance(values, dict):
        return [Argument(None, "**…", "brief")]
    return [_argument(name, value) for name, value in cast("dict[str, Any]", values).items()]


def _argument(name: str | None, value: Any) -> Argument:
    match value:
        case str():
            kind = "string"
        case bool() | None:
            kind = "word"
        case int() | float():
            kind = "number"
        case _:
            kind = "brief"
    return Argument(name, short_literal(value), kind)


def short_literal(value: Any) -> str:
    """A value decoded from JSON in at most about `MAX_ARGUMENT` characters."""
    text = _literal(value)
    if len(text) <= MAX_ARGUMENT:
        return text
    match value:
        case str():
            return f"{_literal(value[: MAX_ARGUMENT - 3])[:-1]}…{text[-1]}"
        case list():
            return "[…]"
        case dict():
            return "{…}"
        case _:
            return f"{text[:MAX_ARGUMENT]}…"


def _literal(value: Any) -> str:
    """A value decoded from JSON as Python writes it, with double quotes."""
    match value:
        case _Literal():
            return str(value)
        case str():
            # JSON's escapes are Python's, but for halves of characters beyond U+FFFF, which this does not write.
            return _ESCAPED_DELETE.sub("\\\\x7f", json.dumps(value, ensure_ascii=False))
        case list():
            return f"[{', '.join(_literal(one) for one in cast('list[Any]', value))}]"
        case dict():
            pairs = cast("dict[str, Any]", value).items()
            return f"{{{', '.join(f'{_literal(name)}: {_literal(one)}' for name, one in pairs)}}}"
        case _:
            return repr(value)


_ESCAPED_DELETE = re.compile("\x7f")

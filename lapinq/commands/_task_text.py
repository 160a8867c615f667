"""A task and its attempts as text for people."""

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import msgspec

_WIDTH = 17
_NO_TEXT = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What JSON lets stand in a string and a terminal obeys: DEL, C1 control characters, changes of direction."""


def task_text(task: dict[str, Any]) -> str:
    """A line for each field. `task` is what the API answers."""
    return "\n".join(field_text(name, value) for name, value in task.items())


def attempts_text(attempts: list[dict[str, Any]]) -> str:
    """A paragraph for each attempt, the earliest first. `attempts` is what the API answers."""
    return "\n\n".join("\n".join(_attempt(one)) for one in attempts)


def json_text(text: str) -> str:
    """The same JSON, with control characters escaped that JSON does not forbid."""
    # Outside of a string there are none.
    return _NO_TEXT.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _attempt(one: dict[str, Any]) -> Iterator[str]:
    if one["started_at"] is not None:
        yield f"attempt {one['attempt']}: {one['outcome']}"
    else:
        yield f"{'not started again' if one['attempt'] else 'never started'}: {one['outcome']}"
    for name in ("started_at", "finished_at", "run_seconds", "worker_id", "result"):
        if one[name] is not None:
            yield _inner(name, one[name])
    if one["progress"] is not None:
        told = f"{one['progress']} % {one['progress_message'] or ''}"
        yield _inner("progress", told)
    for name in ("error", "traceback", "logs"):
        if one[name]:
            yield from _text(name, one[name])


def _inner(name: str, value: object) -> str:
    return textwrap.indent(field_text(name, value), "  ")


def field_text(name: str, value: object) -> str:
    """A line; where the value has several, the others stand below its first: none can pass for another field."""
    shown = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    lines = "" if value is None else plain(shown).rstrip().replace("\n", f"\n{'':<{_WIDTH}} ")
    return f"{name:<{_WIDTH}} {lines}".rstrip()


def _text(name: str, text: str) -> Iterator[str]:
    """A text of one line beside its name, a longer one below it."""
    lines = plain(text).rstrip("\n")
    if "\n" not in lines:
        yield f"  {name:<{_WIDTH}} {lines}"
        return
    yield f"  {name}"
    yield textwrap.indent(lines, "    ")


def plain(text: str) -> str:
    """`text` with its control characters spelled out: a task must not steer the terminal of who looks at it."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in "\n\t" else ascii(char)[1:-1] for char in text)

"""A task and its attempts as text for people."""

import textwrap
from collections.abc import Iterator
from typing import Any

from lapinq.commands.output.terminal import WIDTH, field_text, plain


def task_text(task: dict[str, Any]) -> str:
    """A line for each field. `task` is the API's object."""
    return "\n".join(field_text(name, value) for name, value in task.items())


def attempts_text(attempts: list[dict[str, Any]]) -> str:
    """A paragraph for each attempt, the earliest first. `attempts` is the API's array."""
    return "\n\n".join("\n".join(_attempt(one)) for one in attempts)


def _attempt(one: dict[str, Any]) -> Iterator[str]:
    if one["started_at"] is not None:
        yield f"attempt {one['attempt']}: {one['outcome']}"
    else:
        yield f"{'not started again' if one['attempt'] else 'never started'}: {one['outcome']}"
    for name in ("started_at", "finished_at", "run_seconds", "worker_id", "result"):
        if one[name] is not None:
            yield _inner(name, one[name])
    if one["progress"] is not None:
        progress = f"{one['progress']} % {one['progress_message'] or ''}"
        yield _inner("progress", progress)
    for name in ("error", "traceback", "logs"):
        if one[name]:
            yield from _text(name, one[name])


def _inner(name: str, value: object) -> str:
    return textwrap.indent(field_text(name, value), "  ")


def _text(name: str, text: str) -> Iterator[str]:
    """A text of one line beside its name, a longer one below it."""
    lines = plain(text).rstrip("\n")
    if "\n" not in lines:
        yield f"  {name:<{WIDTH}} {lines}"
        return
    yield f"  {name}"
    yield textwrap.indent(lines, "    ")

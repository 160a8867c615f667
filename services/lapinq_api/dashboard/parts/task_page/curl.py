"""The shell command (POSIX) that enqueues a task again."""

import shlex

import msgspec

from lapinq_api.dashboard.parts.task_page.options import request_fields
from lapinq_core.lookup.task_detail import TaskDetail

MAX_BYTES = 100_000
"""Bytes. Linux limits an argument to 128 KiB."""
_KEY = "X-API-Key: …"


def enqueue_again(task: TaskDetail, server: str, *, needs_key: bool) -> str | None:
    """The command, without options that have their default; None if it would be too long for a shell.

    The task starts immediately, even if the original was scheduled.
    """
    body = _body(task)
    if body is None:
        return None
    headers = ["Content-Type: application/json", *([_KEY] if needs_key else [])]
    lines = [
        f"curl {shlex.quote(f'{server}/api/v1/enqueue')}",
        *(f"-H {shlex.quote(one)}" for one in headers),
    ]
    command = " \\\n  ".join([*lines, f"-d {shlex.quote(body)}"])
    return command if len(command.encode()) <= MAX_BYTES else None


def _body(task: TaskDetail) -> str | None:
    fields = request_fields(task, lambda text: msgspec.Raw(text.encode()))
    return None if fields is None else msgspec.json.encode(fields).decode()

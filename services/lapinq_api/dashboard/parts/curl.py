"""The shell command (POSIX) that enqueues a task again."""

import shlex
from typing import Any

import msgspec

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.lookup.task_detail import TaskDetail, Value

MAX_BYTES = 100_000
"""Bytes. Linux limits an argument to 128 KiB."""
_KEY = "X-API-Key: …"
_DEFAULTS = {"args": "[]", "kwargs": "{}"}


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
    fields: dict[str, Any] = {"task_name": task.task_name, "module_path": task.module_path}
    for name in _PLAIN:
        value = getattr(task, name)
        if value != _USUAL[name]:
            fields[name] = value
    for name in ("args", "kwargs", "metadata"):
        value: Value | None = getattr(task, name)
        if value is None:
            continue
        if not value.is_whole:
            return None
        if value.text.strip() != _DEFAULTS.get(name):
            fields[name] = msgspec.Raw(value.text.encode())
    return msgspec.json.encode(fields).decode()


_PLAIN = (
    "queue_name",
    "priority",
    "max_retries",
    "retry_delay",
    "retry_backoff",
    "ttl_seconds",
    "timeout_seconds",
    "webhook_url",
)
_USUAL = {name: getattr(NewTask(id="", task_name="", module_path=""), name) for name in _PLAIN}

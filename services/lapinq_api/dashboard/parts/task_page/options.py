"""The options of a task that differ from their defaults: those that say something about it."""

from collections.abc import Callable
from typing import Any

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.lookup.task_detail import TaskDetail, Value

_PLAIN = (
    "queue_name",
    "priority",
    "max_retries",
    "retry_delay",
    "retry_backoff",
    "ttl_seconds",
    "timeout_seconds",
    "webhook_url",
    "key",
    "limits",
)
_DEFAULTS = {name: getattr(NewTask(id="", task_name="", module_path=""), name) for name in _PLAIN}
_EMPTY = {"args": "[]", "kwargs": "{}"}


ALL = ("priority", "retries", "timeout_seconds", "ttl_seconds", "webhook_url")
"""The options that the page names; `retries` are three."""
_RETRIES = frozenset({"max_retries", "retry_delay", "retry_backoff"})


def unusual(task: TaskDetail) -> frozenset[str]:
    """Those of `ALL` that differ from their default."""
    names = frozenset(changed(task))
    retried = {"retries"} if names & _RETRIES else set[str]()
    return frozenset(names & set(ALL) | retried)


def changed(task: TaskDetail) -> dict[str, Any]:
    """The options that aren't values of any size and differ, by name."""
    return {
        name: value
        for name, value in ((name, getattr(task, name)) for name in _PLAIN)
        if value != _DEFAULTS[name]
    }


def request_fields(task: TaskDetail, of_json: Callable[[str], object]) -> dict[str, Any] | None:
    """What enqueues the task again, by name, without defaults; None if a value is shown in part.

    `of_json` makes a value of the JSON text of arguments and metadata.
    """
    found = {"task_name": task.task_name, "module_path": task.module_path, **changed(task)}
    for name in ("args", "kwargs", "metadata"):
        value: Value | None = getattr(task, name)
        if value is None:
            continue
        if not value.is_whole:
            return None
        if value.text.strip() != _EMPTY.get(name):
            found[name] = of_json(value.text)
    return found

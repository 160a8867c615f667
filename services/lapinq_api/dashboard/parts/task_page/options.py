"""The options of a task that differ from their defaults: those that say something about it."""

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


def given_values(task: TaskDetail) -> dict[str, str] | None:
    """The JSON texts of arguments and metadata that were given, by name; None if one is shown in part."""
    found: dict[str, str] = {}
    for name in ("args", "kwargs", "metadata"):
        value: Value | None = getattr(task, name)
        if value is None:
            continue
        if not value.is_whole:
            return None
        if value.text.strip() != _EMPTY.get(name):
            found[name] = value.text
    return found

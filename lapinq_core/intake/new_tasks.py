"""The JSON in which new tasks are handed to the function that stores them, `lapinq_store_tasks`. No I/O."""

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from lapinq_core.domain.tasks.task import NewTask

_OWN: dict[str, object] = {"key": None, "args": [], "kwargs": {}, "metadata": None}
"""What each of many tasks may have for itself, and the default of it."""

_shared = attrgetter(*(name for name in NewTask.__struct_fields__ if name not in {"id", *_OWN}))


def encoded(tasks: Sequence[NewTask]) -> str:
    """A list of tasks; of several that are alike one object, because it costs the database a third less."""
    tasks_or_one = _as_one(tasks) if len(tasks) > 1 and _are_alike(tasks) else tasks
    return msgspec.json.encode(tasks_or_one).decode()


def shared_fields(task: NewTask) -> bytes:
    """What tasks that are alike have in common: equal for all of them, and hashable."""
    return msgspec.json.encode(_shared(task))


def _are_alike(tasks: Sequence[NewTask]) -> bool:
    if tasks[0].ttl_seconds == 0 or tasks[0].profile or tasks[0].unique_key is not None:
        return False
    first = _shared(tasks[0])
    return all(map(first.__eq__, map(_shared, tasks)))


def _as_one(tasks: Sequence[NewTask]) -> dict[str, object]:
    fields = msgspec.to_builtins(tasks[0])
    del fields["id"]
    fields["ids"] = [task.id for task in tasks]
    for name, default in _OWN.items():
        values = [getattr(task, name) for task in tasks]
        fields[name] = values if any(value != default for value in values) else None
    return fields

"""How new tasks are handed to the statement that stores them, and which one that is. No I/O."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Literal

import msgspec

from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.unique_keys import have_unique_keys

Verb = Literal["enqueue", "enqueue_alike", "enqueue_any", "enqueue_alike_keyed"]

_OWN: dict[str, object] = {"args": [], "kwargs": {}, "metadata": None}
"""What each of many tasks may have for itself, and the default of it."""

_shared = attrgetter(*(name for name in NewTask.__struct_fields__ if name not in {"id", "key", *_OWN}))


def encoded(tasks: Sequence[NewTask]) -> tuple[Verb, str]:
    """The statement that stores `tasks`, of which none is fire and forget, and the JSON it takes."""
    is_any = have_unique_keys(tasks)
    is_plain = not is_any and not any(task.profile or task.key is not None or task.limits for task in tasks)
    if len(tasks) > 1 and not is_any and not tasks[0].profile and _are_alike(tasks):
        return "enqueue_alike" if is_plain else "enqueue_alike_keyed", _as_one(tasks, has_keys=not is_plain)
    return "enqueue" if is_plain else "enqueue_any", msgspec.json.encode(tasks).decode()


def _are_alike(tasks: Sequence[NewTask]) -> bool:
    first = _shared(tasks[0])
    return all(map(first.__eq__, map(_shared, tasks)))


def _as_one(tasks: Sequence[NewTask], *, has_keys: bool) -> str:
    fields = msgspec.to_builtins(tasks[0])
    del fields["id"]
    if has_keys:
        fields.pop("key", None)
        fields["keys"] = [task.key for task in tasks]
    fields["ids"] = [task.id for task in tasks]
    for name, default in _OWN.items():
        values = [getattr(task, name) for task in tasks]
        fields[name] = values if any(value != default for value in values) else None
    return msgspec.json.encode(fields).decode()

"""What other task queues call what tasks, queues and references do, and what to write instead."""

from __future__ import annotations

_INSTEAD = {
    "delay": "queue(...)",  # Celery
    "apply_async": "options(...).queue(...)",
    "send": "queue(...)",  # Dramatiq
    "send_with_options": "options(...).queue(...)",
    "defer": "queue(...)",  # Procrastinate
    "defer_async": "aqueue(...)",
    "kiq": "aqueue(...)",  # Taskiq
    "enqueue": "queue(...)",  # django.tasks
    "aenqueue": "aqueue(...)",
}
_FOR_BATCHES = ("s", "si", "signature", "message")
_OF_QUEUES = (*_INSTEAD, "send_task", "asend", "submit", "add")


def missing_attribute(task: object, task_name: str, attribute: str) -> AttributeError:
    """The error for an attribute that a task doesn't have."""
    told = f"a lapinq task has no attribute {attribute!r}"
    if attribute in _INSTEAD:
        told += f": use .queue() to enqueue it, here {task_name}.{_INSTEAD[attribute]}"
    elif attribute in _FOR_BATCHES:
        told += f": {task_name}.entry(...) describes a call, for queue.batch_enqueue([...])"
    return AttributeError(told, name=attribute, obj=task)


_OF_REFS = {
    "get": "result()",
    "ready": "status()",
    "state": "status()",
    "id": "task_id",
    "revoke": "cancel()",
}


def missing_ref_attribute(ref: object, attribute: str) -> AttributeError:
    """The error for an attribute that a reference to a task doesn't have."""
    told = f"a TaskRef has no attribute {attribute!r}"
    if attribute in _OF_REFS:
        told += f": use .{_OF_REFS[attribute]}"
    return AttributeError(told, name=attribute, obj=ref)


def missing_queue_attribute(queue: object, attribute: str) -> AttributeError:
    """The error for an attribute that a queue doesn't have."""
    told = f"a {type(queue).__name__} has no attribute {attribute!r}"
    if attribute in _OF_QUEUES:
        told += ": make the function a task with @queue.task, then enqueue a call with f.queue(...)"
    return AttributeError(told, name=attribute, obj=queue)

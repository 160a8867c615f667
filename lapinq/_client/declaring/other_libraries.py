"""What other task queues call enqueueing, and what to write instead."""

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


def missing_attribute(task: object, task_name: str, attribute: str) -> AttributeError:
    """The error for an attribute that a task doesn't have."""
    told = f"a lapinq task has no attribute {attribute!r}"
    if attribute in _INSTEAD:
        told += f": use .queue() to enqueue it, here {task_name}.{_INSTEAD[attribute]}"
    return AttributeError(told, name=attribute, obj=task)

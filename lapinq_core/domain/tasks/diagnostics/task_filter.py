"""Says in each log record which task it belongs to."""

import logging

from lapinq_core.domain.tasks.context import running


class TaskFilter(logging.Filter):
    """Gives records that a task's code logs the fields `task_id` and `task_name`. Lets every record pass.

    Add it to a handler: filters of a logger don't see the records of the loggers below it. A record that has such a
    field keeps its own. `outside` is what the fields hold outside of a task, for formats that name them; without it
    such records have no fields. A fire-and-forget task has no id.
    """

    def __init__(self, outside: str | None = None) -> None:
        super().__init__()
        self._outside = outside

    def filter(self, record: logging.LogRecord) -> bool:
        attempt = running.get(None)
        if attempt is None and self._outside is None:
            return True
        task_id, task_name = (None, None) if attempt is None else (attempt.id or None, attempt.task_name)
        self._add(record, "task_id", task_id)
        self._add(record, "task_name", task_name)
        return True

    def _add(self, record: logging.LogRecord, name: str, value: str | None) -> None:
        value = value or self._outside
        if value is not None and name not in record.__dict__:
            record.__dict__[name] = value

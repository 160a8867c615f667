"""The log lines on a task's attempts: one when it starts (debug) and one when it ends, with what they are about as
fields.

Nothing here raises. The handlers may be the user's, and an attempt must not end because of a log line.
"""

import logging
import traceback
from typing import Protocol

TASKS = logging.getLogger("lapinq.tasks")
"""What workers log these lines with."""

IN_THE_TEXT = frozenset({"task_name", "seconds", "outcome", "error"})
"""Fields that repeat what the message says."""


class Subject(Protocol):
    """A claim or a running attempt. The id of a fire-and-forget task is empty."""

    @property
    def id(self) -> str: ...
    @property
    def module_path(self) -> str: ...
    @property
    def task_name(self) -> str: ...
    @property
    def queue_name(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def request_id(self) -> str | None: ...


def log_start(log: logging.Logger, subject: Subject) -> None:
    """Logs that the attempt starts."""
    if log.isEnabledFor(logging.DEBUG):
        _log(log, logging.DEBUG, "%s.%s started", (subject.module_path, subject.task_name), _fields(subject))


def log_completed(log: logging.Logger, subject: Subject, seconds: float) -> None:
    """Logs that the attempt completed after `seconds`."""
    if log.isEnabledFor(logging.INFO):
        fields = _fields(subject)
        fields["seconds"] = round(seconds, 6)
        fields["outcome"] = "completed"
        values = (subject.module_path, subject.task_name, seconds)
        _log(log, logging.INFO, "%s.%s completed in %.3f s", values, fields)


def log_end(
    log: logging.Logger,
    level: int,
    subject: Subject,
    words: str,
    *,
    outcome: str,
    seconds: float,
    error: str,
    stack: str | None = None,
) -> None:
    """Logs another end. `words` go after the task's name: what happened, why, and what follows.

    `stack` is the traceback as text.
    """
    if log.isEnabledFor(level):
        fields = {**_fields(subject), "seconds": round(seconds, 6), "outcome": outcome, "error": error}
        _log(log, level, "%s.%s %s", (subject.module_path, subject.task_name, words), fields, stack)


def _fields(subject: Subject) -> dict[str, object]:
    fields: dict[str, object] = {"task_id": subject.id} if subject.id else {}
    fields["task_name"] = subject.task_name
    fields["queue"] = subject.queue_name
    fields["attempt"] = subject.attempt
    if subject.request_id is not None:
        fields["request_id"] = subject.request_id
    return fields


def _log(
    log: logging.Logger,
    level: int,
    message: str,
    values: tuple[object, ...],
    fields: dict[str, object],
    stack: str | None = None,
) -> None:
    # Not `log.log`, which looks for the caller: a third of its time.
    try:
        record = log.makeRecord(log.name, level, __file__, 0, message, values, None, extra=fields)
        record.exc_text = stack
        log.handle(record)
    except Exception:  # noqa: BLE001  # a handler of the user's
        traceback.print_exc()

"""The id that a client chooses for its task, so that a repeated request stores the task once.

It comes as an idempotency key, `task-` and a UUIDv7. The primary key of the tasks then recognizes a repetition, and
costs nothing, unlike a stored key. But the time inside an id decides its partition, so only an id of about now can be
stored. For a client whose clock is wrong the key is stored as any other.

Whatever a clock says, a request and its repetition meet. As the id ages from attempt to attempt, the server relies on
the id alone, then on the id and the key, and at last on the key alone. The middle takes longer than a client repeats.
"""

import re
import uuid
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lapinq_core.domain.tasks.task import NewTask

PREFIX = "task-"
MAX_REPEAT_SECONDS = 600.0
"""How long after the first request a client may repeat it."""
MAX_CLOCK_ERROR_SECONDS = 300.0

_KEY = re.compile(rf"{PREFIX}([0-9a-f]{{8}}-[0-9a-f]{{4}}-7[0-9a-f]{{3}}-[89ab][0-9a-f]{{3}}-[0-9a-f]{{12}})")


def key_of(task_id: str) -> str:
    return PREFIX + task_id


def chosen_id(key: str, now: float) -> str | None:
    """The id in an idempotency key, if a task can be stored under it. `now` is in Unix time."""
    found = _KEY.fullmatch(key)
    if found is None or _age(found[1], now) > MAX_CLOCK_ERROR_SECONDS + MAX_REPEAT_SECONDS:
        return None
    return found[1]


def needs_key(task: "NewTask", now: float) -> bool:
    """Whether the key must be stored too, although `task` has the chosen id.

    The id alone can't tell a repetition if the task may be gone by then, or was not stored because of another one.
    """
    is_brief = task.ttl_seconds is not None and task.ttl_seconds <= MAX_REPEAT_SECONDS
    return is_brief or task.unique_key is not None or _age(task.id, now) > MAX_CLOCK_ERROR_SECONDS


def _age(task_id: str, now: float) -> float:
    return abs(now - (uuid.UUID(task_id).int >> 80) / 1000)

"""What people are notified of. Each piece of news is stored and sent as JSON with its kind in `event`. Pure."""

from datetime import datetime
from enum import StrEnum

import msgspec


class EventKind(StrEnum):
    """What a rule can ask for."""

    NEW_ERROR = "error.new"
    REGRESSED_ERROR = "error.regressed"
    BACKLOG = "backlog"
    DEAD_WORKER = "worker.dead"
    BREAKER = "breaker"
    WAIT = "wait"
    BLOCKED = "blocked"


class ErrorNews(msgspec.Struct, frozen=True, kw_only=True):
    """A group of errors; `error` is the first line of one of them."""

    queue_name: str
    task_name: str
    group_id: int
    kind: str
    error: str


class NewError(ErrorNews, frozen=True, kw_only=True, tag_field="event", tag="error.new"):
    """An error of a kind that was never seen before."""


class RegressedError(ErrorNews, frozen=True, kw_only=True, tag_field="event", tag="error.regressed"):
    """A kind of error that came back after somebody had resolved it."""


class Backlog(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="backlog"):
    """The oldest ready task of a queue has waited for longer than a rule allows. `pending` includes delayed tasks."""

    queue_name: str
    oldest_seconds: float
    pending: int
    limit_seconds: float


class BlockedKeys(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="blocked"):
    """A failed task, which waits for another attempt, has held `key` of a queue in strict order for longer than a rule
    allows; `keys` is of how many keys this is true."""

    queue_name: str
    keys: int
    key: str
    oldest_seconds: float
    limit_seconds: float


class DeadWorker(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="worker.dead"):
    """A worker that was declared dead."""

    worker_id: str
    worker_name: str
    dead_at: datetime


class BreakerNews(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="breaker"):
    """The circuit breaker of a queue or, if `task_name` is given, of a task name opened, or closed again (`state`).
    `queue_name` is then empty: the previous release expects a text.

    It opened because `failures` attempts failed, of `attempts` within the window, or in a row if that is None.
    """

    queue_name: str
    state: str
    failures: int
    attempts: int | None
    window_seconds: float
    opened_at: datetime
    next_try_at: datetime | None
    failed_task_id: str | None
    task_name: str | None = None


class NewWait(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="wait"):
    """A task waits for the first of `signals`, until `deadline` if it has one. `title` is what it asks by a link."""

    queue_name: str
    task_id: str
    task_name: str
    signals: list[str]
    title: str | None
    deadline: datetime | None


class Trial(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", tag="test"):
    """Somebody tries whether a rule's messages arrive."""

    sent_by: str


News = NewError | RegressedError | Backlog | BlockedKeys | DeadWorker | BreakerNews | NewWait | Trial

MAX_ERROR = 300
"""Characters of an error in a message."""

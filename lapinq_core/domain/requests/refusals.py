"""What a refused request is told: the body of an error, and sentences that several ways to lapinq share."""

import re

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import FINAL, Status

KEY_IN_PROGRESS = "another request with the same Idempotency-Key is in progress"
KEY_REUSED = "the Idempotency-Key was used for a different request within 24 hours"
UNIQUE_KEY_BUSY = "another transaction with the same unique key has not ended"
NOTHING_HERE = "there is nothing at this path"
UNKNOWN_TASK = "there is no task with this id"
UNKNOWN_WORKFLOW = "there is no workflow with this id"
NOT_FINISHED = "task not finished"
TASK_ENDED = "the task has ended, so it takes no more signals"
SIGNALS_FULL = "the task has 10,000 signals that it has not taken: wait until it takes some, or cancel it"
STILL_RUNNING = "the task is running: use DELETE with ?running=true to ask it to stop"
MOVING = "the task changed its status at every try; try again"
MAX_IN_BATCH = 1000
_MAX_SHOWN = 200
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


class Detail(msgspec.Struct, frozen=True):
    """An invalid value: its location and what is wrong with it."""

    loc: str
    msg: str


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every error response."""

    error: str
    details: list[Detail] = []


class ConflictBody(ErrorBody, frozen=True, omit_defaults=True, kw_only=True):
    """The body of a 409 because of a unique key: `task_id` is the task that holds it."""

    task_id: str


def unique_key_held(task_id: str, ref: str | None = None) -> str:
    """`ref` is that of the refused task, if it belongs to a workflow."""
    whose = "this unique key" if ref is None else f"the unique key of {ref!r}"
    return f"the task {task_id} has {whose}"


def unique_conflict(task_id: str, loc: str, ref: str | None = None) -> ConflictBody:
    """`loc` is the place of the key in the request, `ref` as in `unique_key_held`."""
    return ConflictBody(
        error=unique_key_held(task_id, ref),
        details=[Detail(loc, f"belongs to the task {task_id}")],
        task_id=task_id,
    )


def invalid_value(error: InvalidValue) -> ErrorBody:
    loc, msg = _short(error.loc), _short(error.msg)
    return ErrorBody(f"{loc or 'the body'} {msg}", [Detail(loc, msg)])


def unstorable(error: Exception) -> ErrorBody:
    return ErrorBody(f"the database cannot store a value: {error}")


def not_cancelled(status: Status | None, *, also_running: bool) -> str:
    """Why a task with `status` could not be cancelled. None: there is none."""
    if status is None:
        return UNKNOWN_TASK
    if status in FINAL:
        wanted = "pending or running" if also_running else "pending"
        return only(wanted, "cancelled", status)
    if status is Status.RUNNING and not also_running:
        return STILL_RUNNING
    return MOVING


def only(wanted: str, done: str, status: Status) -> str:
    return f"only a {wanted} task can be {done}, and this one is {status}"


def read_id(name: str, text: str, what: str) -> str:
    """`text` as an id, in lower case. Raises `InvalidValue`, which says that `name` must be `what`."""
    if not _ID.fullmatch(text):
        raise InvalidValue(name, f"must be {what} such as 01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11")
    return text.lower()


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"

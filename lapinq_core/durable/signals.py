"""Sends signals to tasks."""

from typing import Any

import psycopg

from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.requests.refusals import SIGNALS_FULL, TASK_ENDED, UNKNOWN_TASK
from lapinq_core.durable import links, steps
from lapinq_core.intake.enqueueing import Taken
from lapinq_core.intake.idempotency import Earlier, Key, claim_key
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

MAX_WAITING = 10_000
"""Signals of one task that it has not taken: `lapinq_signal_1` takes no more."""
_PROGRAM = "a program with the database's URL"
"""Who has decided, if nobody is named."""


class NoSuchTask(LapinqError):
    """There is no task to send it to."""

    def __init__(self, message: str = UNKNOWN_TASK) -> None:
        super().__init__(message)


class SignalRefused(LapinqError):
    """The task takes no signal. The message says why."""


async def send(
    conn: psycopg.AsyncConnection,
    task_id: str,
    name: str,
    value: str,
    *,
    key: Key | None = None,
    by: Author | None = None,
    audited: dict[str, Any] | None = None,
    shown: str | None = None,
) -> tuple[Earlier | None, Taken]:
    """Sends the signal `name` to a task; `value` is JSON text. Returns that an earlier request with the same `key`
    sent it, if so, and that nothing is left to announce: the database itself wakes the task.

    If the task asks by a link of this name, this is the answer: it has to fit the form, and the links are closed.
    `by` is for the audit log, and `audited` what that tells of the value; `shown` is as in `Question.check`. Raises the
    driver's errors, `NoSuchTask`, `SignalRefused`, `KeyHeld`, and as `Question.check`; nothing is sent then. `conn` is
    in autocommit mode.
    """
    async with conn.transaction():
        if key is not None and (earlier := await claim_key(conn, key, [task_id])) is not None:
            return earlier, Taken()
        asked = await links.lock_open(conn, task_id, name)
        if asked is not None:
            asked.check(value, shown)
        check_sent(await steps.signal(conn, task_id, name, value))
        if asked is not None:
            await links.close(conn, asked, by=_PROGRAM if by is None else by.actor)
        if by is not None:
            verb = "task.signal" if asked is None else "task.decide"
            await audit.record(conn, by.did(verb, task_id, {"signal": name, **(audited or {})}))
    return None, Taken()


def check_sent(said: str) -> None:
    """Raises `NoSuchTask` or `SignalRefused` if `lapinq_signal_1` says so."""
    match said:
        case "unknown":
            raise NoSuchTask
        case "ended":
            raise SignalRefused(TASK_ENDED)
        case "full":
            raise SignalRefused(SIGNALS_FULL)
        case _:
            pass

"""Links by which people without an account decide what a task waits for.

A link holds a random token of 256 bits, of which only a hash is stored. Several links may lead to one decision, which
is made once: the decision is locked meanwhile.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
import psycopg

from lapinq_core.db.pool import PooledConnection
from lapinq_core.db.rows import all_rows, first_value, maybe_row, one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError, StepRefused
from lapinq_core.domain.tasks.durable import form
from lapinq_core.domain.tasks.durable.messages import Answer, Link, Linked, Lost
from lapinq_core.durable import steps
from lapinq_core.durable.steps import Held
from lapinq_core.people import audit
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

PATH = "decide"
"""Of the page, below the address of the server."""
MOST_LINKS = 1000
"""To one decision."""
MOST_OPEN = 1000
"""Decisions that one page shows."""
PRUNE_LIMIT = 500


class Closed(StrEnum):
    """Why nobody can decide by a link."""

    UNKNOWN = "unknown"
    """There is no such link."""
    DECIDED = "decided"
    EXPIRED = "expired"
    ENDED = "ended"
    """The task has, or takes no more signals."""


class NotOpen(LapinqError):
    """Nobody can decide by this link. If somebody has decided, `at` says when, and `by` who; None is by a link."""

    def __init__(self, why: Closed, at: datetime | None = None, by: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.at = at
        self.by = by


class QuestionChanged(LapinqError):
    """The task has changed its question since the answer's form was shown."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a task asks. `schema` is JSON text."""

    task_id: str
    name: str
    title: str | None
    text: str | None
    schema: str | None

    @property
    def digest(self) -> str:
        """Of what a form shows. An answer brings it along."""
        return hashlib.sha256(msgspec.json.encode([self.title, self.text, self.schema])).hexdigest()

    def check(self, value: str, shown: str | None) -> None:
        """Raises `InvalidValue` unless `value`, JSON text, fits the form, and `QuestionChanged` if `shown`, the digest
        of what the form has shown, is that of another question. None is for programs, which are shown nothing."""
        if shown is not None and shown != self.digest:
            raise QuestionChanged
        if self.schema is not None:
            form.check(form.read_schema(msgspec.json.decode(self.schema)), msgspec.json.decode(value))


class Asked(Question, frozen=True, kw_only=True):
    """What a link asks."""

    expires_at: datetime


class Open(Question, frozen=True, kw_only=True):
    """A decision that nobody has made."""

    id: int


async def create(
    server: str | None, conn: psycopg.AsyncConnection, asked: Sequence[tuple[Held, Link]]
) -> list[Answer]:
    """Makes links at the address `server`. Raises `StepRefused` if that is unknown, and for too many links."""
    if server is None:
        raise StepRefused(
            "signal_url: the worker does not know the address of the server: set LAPINQ_PUBLIC_URL for it"
        )
    answers = list[Answer]()
    for held, one in asked:
        token = secrets.token_urlsafe(32)
        params = {
            **msgspec.structs.asdict(held),
            **msgspec.structs.asdict(one),
            "hash": _hash(token),
            "most": MOST_LINKS,
        }
        row = await maybe_row(conn, sql("create_link"), params, prepare=True)
        if row is not None and not row[0]:
            raise StepRefused(
                f"signal_url: the decision {one.name!r} has {MOST_LINKS:,} links already: ask in a step, for one alone"
            )
        answers.append(Lost() if row is None else Linked(f"{server.rstrip('/')}/{PATH}?token={token}"))
    return answers


async def find(conn: psycopg.AsyncConnection, token: str) -> Asked:
    """What the link asks. Changes nothing. Raises `NotOpen`."""
    row = await maybe_row(conn, sql("find_decision"), {"hash": _hash(token)}, prepare=True)
    if row is None:
        raise NotOpen(Closed.UNKNOWN)
    task_id, name, title, text, schema, expires_at, decided_at, decided_by, is_expired, has_ended = row
    _check(decided_at, decided_by, is_expired=is_expired)
    if has_ended:
        raise NotOpen(Closed.ENDED)
    return Asked(task_id=task_id, name=name, title=title, text=text, schema=schema, expires_at=expires_at)


async def decide(
    conn: psycopg.AsyncConnection,
    token: str,
    value: str,
    *,
    by: Author,
    audited: dict[str, Any] | None = None,
    shown: str | None = None,
) -> datetime:
    """Decides by a link: sends the signal with `value`, JSON text. Returns when. Raises `NotOpen`, and as
    `Question.check`, and changes nothing.

    `audited` is what the audit log tells of the value.
    """
    async with conn.transaction():
        row = await maybe_row(conn, sql("lock_decision"), {"hash": _hash(token)})
        if row is None:
            raise NotOpen(Closed.UNKNOWN)
        *asked, decided_at, decided_by, is_expired = row
        question = _open(asked)
        _check(decided_at, decided_by, is_expired=is_expired)
        question.check(value, shown)
        if await steps.signal(conn, question.task_id, question.name, value) != "sent":
            raise NotOpen(Closed.ENDED)
        at = await close(conn, question, by=None)
        details = {"signal": question.name, **(audited or {})}
        await audit.record(conn, by.did("task.decide", question.task_id, details))
    return at


async def lock_open(conn: psycopg.AsyncConnection, task_id: str, name: str) -> Open | None:
    """The oldest decision `name` of a task that nobody has made, locked until the transaction ends."""
    row = await maybe_row(conn, sql("lock_open_decision"), {"task_id": task_id, "name": name})
    return None if row is None else _open(row)


async def close(conn: psycopg.AsyncConnection, decision: Open, *, by: str | None) -> datetime:
    """Notes that the locked decision is made, by a user or key, or None: by a link. Returns when."""
    return await first_value(conn, sql("decide"), {"id": decision.id, "by": by})


async def open_decisions(conn: psycopg.AsyncConnection, task_ids: Sequence[str]) -> list[Open]:
    """What tasks ask by links that nobody has decided, the oldest first."""
    params = {"ids": list(task_ids), "limit": MOST_OPEN}
    return [_open(row) for row in await all_rows(conn, sql("open_decisions"), params, prepare=True)]


class DecisionPruning:
    """Walks over all decisions, and then begins again."""

    def __init__(self) -> None:
        self._after = 0

    async def turn(self, conn: PooledConnection) -> float | None:
        """Looks at the next ones. Returns 0 if there are more, None at the end."""
        params = {"after": self._after, "limit": PRUNE_LIMIT}
        _, looked, last = await one_row(conn, sql("prune_decisions"), params, prepare=True)
        self._after = last if looked == PRUNE_LIMIT else 0
        return 0.0 if self._after else None


def _check(decided_at: datetime | None, decided_by: str | None, *, is_expired: bool) -> None:
    if decided_at is not None:
        raise NotOpen(Closed.DECIDED, decided_at, decided_by)
    if is_expired:
        raise NotOpen(Closed.EXPIRED)


def _open(row: Sequence[Any]) -> Open:
    return Open(**dict(zip(("id", "task_id", "name", "title", "text", "schema"), row, strict=True)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

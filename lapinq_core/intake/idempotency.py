"""Idempotent enqueueing: a request repeated under the same key stores its tasks once and gets their ids again.

The key is written in the transaction that stores the tasks. Of two simultaneous requests with the same key one writes
it; the other is told that the key is held until that transaction ends. Then it finds the key or, after a rollback,
writes it itself. Nobody waits in the database: that could last until a cut-off server is noticed, and would block a
connection and the requests stored with it. A key that is found stays locked until the transaction ends, so that it can
be read. A key lasts a day by the database's clock; an older one is overwritten.

A request with unique keys (`unique_keys`) is stored alone. Its idempotency key is written first: a repetition gets the
answer of the first, and never meets the task that this one stored.

A request whose client chose the task's id needs no key (`domain.tasks.chosen_id`): storing that id again fails, and
only then does anybody look what is there already.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import psycopg
from psycopg import sql as psql
from psycopg.errors import LockNotAvailable, QueryCanceled, UniqueViolation

from lapinq_core.db.rows import all_rows, first_value
from lapinq_core.db.statements import sql_of
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.requests.refusals import UNIQUE_KEY_BUSY
from lapinq_core.domain.requests.rerun import FromStep
from lapinq_core.domain.tasks.task import NewTask
from lapinq_core.intake.announced import flush, may_start_now, take_in_announced, take_in_ready
from lapinq_core.intake.enqueueing import Taken, take_in
from lapinq_core.intake.rerunning import record_rerun
from lapinq_core.intake.unique_keys import Choice, Met, UniqueConflict, choice, have_unique_keys, read_met
from lapinq_core.intake.user_enqueue import record_enqueue
from lapinq_core.people.audit import Author

sql = sql_of(__name__)

FORGET_LIMIT = 1_000
IDLE_SECONDS = 10
"""How long the database keeps an idle transaction and its keys, whose server may be cut off."""

_LOCK_TIMEOUT = (LockNotAvailable, QueryCanceled)
"""If the time is up just when a statement gets one lock and asks for the next, PostgreSQL takes that for a cancellation
at a user's request."""

Ids = list[str | None]

_SETTINGS = psql.SQL("SET LOCAL idle_in_transaction_session_timeout = {}").format(
    psql.Literal(f"{IDLE_SECONDS}s")
)


class Key(msgspec.Struct, frozen=True):
    """The key, scoped by its caller, and a digest of the request."""

    name: str
    digest: bytes


class Asked(msgspec.Struct, frozen=True):
    """A request: its tasks, in ascending order of id, and its key, if any.

    `by`: who sent it, for the audit log, which names users and not programs. `rerun_of`: the earlier task that they
    enqueue again, with the steps of that before `from_step`.
    """

    tasks: Sequence[NewTask]
    key: Key | None = None
    by: Author | None = None
    rerun_of: str | None = None
    from_step: FromStep | None = None

    @property
    def ids(self) -> Ids:
        """The ids in its answer: None for a fire-and-forget task."""
        return [None if task.is_transient else task.id for task in self.tasks]


class Earlier(msgspec.Struct, frozen=True):
    """The answer to an earlier request with the same key, and whether it was the same request."""

    task_ids: Ids
    is_same: bool
    met: Met = Met()


class Answered(msgspec.Struct, frozen=True):
    """The answer to a request with unique keys."""

    task_ids: Ids
    met: Met


class KeyHeld(LapinqError):
    """Another request with the same idempotency key is in flight."""


class UniqueKeyBusy(KeyHeld):
    """A transaction with the same unique key has not ended, so it isn't known whether its task exists."""

    def __init__(self, message: str = UNIQUE_KEY_BUSY) -> None:
        super().__init__(message)


Outcome = Earlier | Answered | KeyHeld | None
"""The answer to a request; None if its tasks are stored under their own ids."""


def is_stored(outcome: Outcome) -> bool:
    """Whether a request for one task stored it."""
    return outcome is None or (isinstance(outcome, Answered) and not outcome.met.existing)


async def store(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked], *, announced: bool = False
) -> tuple[Sequence[Outcome], Taken]:
    """Stores the tasks of all requests or of none, except those that were stored before.

    Returns what `enqueue_once` does. A task is the same as an earlier one with its id: the client chose it. With
    `announced` it has also announced the tasks: no request has a key, and all tasks `may_start_now`.
    """
    try:
        return await (_store_announced if announced else _store)(conn, requests)
    except UniqueViolation:
        repeated = await _repeated(conn, requests)
        if not repeated:
            raise
        await flush(conn)  # what stored them has perhaps not done so yet
    # Each turn finds at least one more that another transaction has stored since.
    rest = [n for n in range(len(requests)) if n not in repeated]
    answers: dict[int, Outcome] = {}
    taken = Taken()
    if rest:
        found, taken = await store(conn, [requests[n] for n in rest])
        answers.update(zip(rest, found, strict=True))
    for n, first in repeated.items():
        before = answers.get(first)
        answers[n] = before if isinstance(before, KeyHeld) else Earlier(requests[n].ids, is_same=True)
    return [answers[n] for n in range(len(requests))], taken


async def enqueue_once(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked]
) -> tuple[list[Outcome], Taken]:
    """Stores the tasks of `requests` in one transaction, except those whose key was used before or is held, and the
    audit entries of those with an author.

    Returns for each request the earlier one, `KeyHeld` while that has not ended, or None if its tasks are stored now;
    and what to announce. A request with unique keys must be the only one. `conn` is in autocommit mode. Raises the
    driver's errors, `UniqueConflict` and `UniqueKeyBusy`; nothing is stored then.
    """
    answers: list[Outcome] = [None] * len(requests)
    async with conn.transaction():
        await conn.execute(_SETTINGS)
        stored, rest, held = await _chosen(conn, requests)
        for n in held:
            answers[n] = KeyHeld()
        tasks = sorted((task for n in stored for task in requests[n].tasks), key=lambda task: task.id)
        if have_unique_keys(tasks):
            [asked] = requests
            answers[0], taken = await _store_unique(conn, asked)
        else:
            taken = await take_in(conn, tasks) if tasks else Taken()
        if rest:
            found = await _find(conn, {key.name for _, key in rest})
            for n, key in rest:
                digest, ids, met = found[key.name]
                answers[n] = Earlier(ids, digest == key.digest, met)
        for asked, outcome in zip(requests, answers, strict=True):
            if asked.by is not None:
                await _record(conn, asked, outcome, asked.by)
    return answers, taken


async def claim_key(conn: psycopg.AsyncConnection, key: Key, ids: Ids) -> Earlier | None:
    """Writes the key of a request whose answer has `ids`, as the first in the transaction that stores its tasks.

    Returns the answer to an earlier request with it, which stored them. Raises `KeyHeld` while that has not ended.
    """
    await conn.execute(_SETTINGS)
    written, held = await _claim(conn, {key: ids})
    if key.name in held:
        raise KeyHeld
    if key.name in written:
        return None
    digest, earlier, met = (await _find(conn, [key.name]))[key.name]
    return Earlier(earlier, digest == key.digest, met)


async def take_unique_keys(conn: psycopg.AsyncConnection, tasks: Sequence[NewTask]) -> Choice:
    """Gives the tasks their unique keys, before the transaction stores them. Raises `UniqueConflict` and
    `UniqueKeyBusy`."""
    params = {"tasks": msgspec.json.encode(tasks).decode()}
    try:
        met = await first_value(conn, sql("try_unique_keys"), params, prepare=True)
    except _LOCK_TIMEOUT:
        raise UniqueKeyBusy from None
    return choice(tasks, met)


async def retake_unique_key(conn: psycopg.AsyncConnection, task_id: str) -> None:
    """Gives a failed task its unique key again, if it had one. `conn` is in a transaction, to be rolled back on errors.

    Raises `UniqueConflict` if another task holds the key, and `UniqueKeyBusy` if that isn't known yet.
    """
    try:
        holder = await first_value(conn, sql("retake_unique_key"), {"id": task_id})
    except _LOCK_TIMEOUT:
        raise UniqueKeyBusy from None
    if holder:
        raise UniqueConflict(holder, loc="unique_key")


async def forget_keys(conn: psycopg.AsyncConnection, limit: int = FORGET_LIMIT) -> int:
    """Deletes expired keys; returns how many."""
    return await first_value(conn, sql("forget_keys"), {"limit": limit}, prepare=True)


async def _store(conn: psycopg.AsyncConnection, requests: Sequence[Asked]) -> tuple[Sequence[Outcome], Taken]:
    tasks = _in_order(requests)
    if any(one.key or one.by for one in requests) or have_unique_keys(tasks):
        return await enqueue_once(conn, requests)
    stored = [None] * len(requests)
    if may_start_now(tasks):
        return stored, await take_in_ready(conn, tasks)
    return stored, await take_in(conn, tasks)  # one statement is a transaction


async def _store_unique(conn: psycopg.AsyncConnection, asked: Asked) -> tuple[Answered, Taken]:
    chosen = await take_unique_keys(conn, asked.tasks)
    taken = await take_in(conn, chosen.tasks) if chosen.tasks else Taken()
    if asked.key is not None and chosen.met.existing:
        params = {
            "key": asked.key.name,
            "task_ids": chosen.ids,
            "met": msgspec.json.encode(chosen.met).decode(),
        }
        await conn.execute(sql("amend_key"), params)
    replaced = {asked.tasks[number].queue_name for number in chosen.met.replaced}
    return Answered(chosen.ids, chosen.met), Taken(taken.queues | replaced, taken.due_in)


async def _record(conn: psycopg.AsyncConnection, asked: Asked, outcome: Outcome, by: Author) -> None:
    """Writes the audit entry. A repeated request has none, nor has one whose tasks all give way to others."""
    changed = _changed(asked, outcome)
    if changed and asked.rerun_of is not None:
        [(task, task_id)] = changed
        await record_rerun(conn, task, task_id, asked.rerun_of, by, asked.from_step)
    elif changed:
        await record_enqueue(conn, changed, by)


def _changed(asked: Asked, outcome: Outcome) -> list[tuple[NewTask, str | None]]:
    """The tasks that were stored or replaced another, with the id of what was stored or replaced."""
    if outcome is None:
        return [*zip(asked.tasks, asked.ids, strict=True)]
    if not isinstance(outcome, Answered):
        return []
    unchanged = set(outcome.met.existing) - set(outcome.met.replaced)
    pairs = zip(asked.tasks, outcome.task_ids, strict=True)
    return [pair for number, pair in enumerate(pairs) if number not in unchanged]


async def _store_announced(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked]
) -> tuple[Sequence[None], Taken]:
    return [None] * len(requests), await take_in_announced(conn, _in_order(requests))


def _in_order(requests: Sequence[Asked]) -> list[NewTask]:
    return sorted((task for one in requests for task in one.tasks), key=lambda task: task.id)


async def _repeated(conn: psycopg.AsyncConnection, requests: Sequence[Asked]) -> dict[int, int]:
    """The requests whose task is stored, or is that of a request before; with the number of the first of them."""
    ids = [task.id for one in requests for task in one.tasks]
    stored = {row[0] for row in await all_rows(conn, sql("stored_ids"), {"ids": ids})}
    first: dict[str, int] = {}
    return {
        n: before
        for n, one in enumerate(requests)
        for task in one.tasks
        if (before := first.setdefault(task.id, n)) != n or task.id in stored
    }


async def _chosen(
    conn: psycopg.AsyncConnection, requests: Sequence[Asked]
) -> tuple[list[int], list[tuple[int, Key]], list[int]]:
    """Writes the keys of the requests that have one. Returns which requests to store, which are repeats, and whose key
    is held."""
    first: dict[str, int] = {}
    for n, one in enumerate(requests):
        if one.key is not None:
            first.setdefault(one.key.name, n)
    keys = {key: requests[n].ids for n in first.values() if (key := requests[n].key)}
    written, held = await _claim(conn, keys)
    stored: list[int] = []
    rest: list[tuple[int, Key]] = []
    waiting: list[int] = []
    for n, one in enumerate(requests):
        if one.key is None or (one.key.name in written and first[one.key.name] == n):
            stored.append(n)
        elif one.key.name in held:
            waiting.append(n)
        else:
            rest.append((n, one.key))
    return stored, rest, waiting


async def _claim(conn: psycopg.AsyncConnection, keys: Mapping[Key, Ids]) -> tuple[set[str], set[str]]:
    """Writes `keys`, with the ids in their answers; returns the names of those that were free and that are held."""
    objects = [{"key": key.name, "digest": key.digest.hex(), "task_ids": ids} for key, ids in keys.items()]
    params = {"keys": msgspec.json.encode(objects).decode()}
    rows = await all_rows(conn, sql("claim_keys"), params, prepare=True)
    return {key for key, _, is_written in rows if is_written}, {key for key, is_held, _ in rows if is_held}


async def _find(conn: psycopg.AsyncConnection, names: Iterable[str]) -> dict[str, tuple[bytes, Ids, Met]]:
    rows = await all_rows(conn, sql("find_idempotency_keys"), {"keys": list(names)}, prepare=True)
    return {name: (digest, ids, read_met(met)) for name, digest, ids, met in rows}

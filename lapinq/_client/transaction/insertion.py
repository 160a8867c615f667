"""Reads, checks and stores the tasks of a call, and makes the answer."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import Enqueue, EnqueueBatch
from lapinq._client.transaction.statements import Statement
from lapinq_core.db.notify.channels import DELAYED_CHANNEL, READY_CHANNEL, SOON_SECONDS, Notice
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import new_ids
from lapinq_core.domain.requests.enqueue import TaskReader
from lapinq_core.domain.requests.refusals import (
    KEY_IN_PROGRESS,
    KEY_REUSED,
    ErrorBody,
    invalid_value,
    unique_conflict,
)
from lapinq_core.intake import limit_check
from lapinq_core.intake.unique_keys import Met, UniqueConflict, choice, have_unique_keys, read_met

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lapinq._client.transaction.connections import AsyncConnection
    from lapinq._client.transaction.statements import Verb
    from lapinq_core.domain.tasks.task import NewTask

MAX_TASKS_AT_ONCE = 1_000
MAX_BYTES_AT_ONCE = 4 * 1024 * 1024
_NO_ID_YET = "-"
"""Ids of a whole chunk cost a third of single ones."""


class Refused(Exception):
    """The call stores nothing. `answer` says why, or repeats the answer to an earlier call with the same key."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


class News:
    """What stored tasks have to be announced for."""

    def __init__(self) -> None:
        self._queues: set[str] = set()
        self._is_due_soon = False

    def add(self, queues: Iterable[str], due_in: float | None) -> None:
        self._queues.update(queues)
        self._is_due_soon |= due_in is not None and due_in <= SOON_SECONDS

    def notices(self) -> set[Notice]:
        notices = {Notice(READY_CHANNEL, queue) for queue in self._queues}
        if self._is_due_soon:
            # No duration: the transaction may take a while. It makes the receivers look when the task is due.
            notices.add(Notice(DELAYED_CHANNEL, "0"))
        return notices


async def find_bursts(
    connection: AsyncConnection, tasks: Sequence[NewTask], bursts: dict[str, float | None]
) -> None:
    """Adds to `bursts` those of the limits from which `tasks` take, as far as they exist."""
    names = limit_check.names_of(tasks)
    if names - bursts.keys():
        rows = await connection.fetch(Statement("find_limits", sorted(names)))
        bursts.update((row[0], row[1]) for row in rows)


class Insertion:
    """The tasks of one call. They are read, checked and stored in chunks, so memory doesn't grow with their number.

    The constructor reads the first chunk. `is_divisible` tells whether `store` may be refused when it has stored some.
    """

    def __init__(self, call: Enqueue | EnqueueBatch, at_once: int) -> None:
        """A statement stores `at_once` tasks, fewer if they are large. Raises `Refused`."""
        self._at_once = min(at_once, MAX_TASKS_AT_ONCE)
        self._is_batch = isinstance(call, EnqueueBatch)
        path = "/api/v1/enqueue/batch" if self._is_batch else "/api/v1/enqueue"
        self._key = None if call.idempotency_key is None else f"database\n{call.idempotency_key}"
        self._digest = hashlib.sha256(f"POST {path}\n".encode())
        self._ids: list[str | None] = []
        self._bursts: dict[str, float | None] = {}
        self._checked = 0
        self._has_keys = False  # unique ones
        self._existing: list[int] = []
        self._replaced: list[int] = []
        self._news = News()
        self._is_long = False
        self._chosen_id = None if isinstance(call, EnqueueBatch) else call.task_id
        self._chunks = self._read(call.entries if isinstance(call, EnqueueBatch) else [call.entry])
        self._first = self._next()
        self.is_divisible = self._is_long or self._key is not None or self._has_keys

    async def store(self, connection: AsyncConnection) -> None:
        """Raises `Refused`."""
        verb: Verb = "enqueue_announced" if connection.announces_at_once else "enqueue"
        chunk = self._first
        while chunk:
            await self._check_limits(connection, chunk)
            kept = await self._meet(connection, chunk) if have_unique_keys(chunk) else chunk
            if not kept:
                chunk = self._next()
                continue
            [(queues, due_in, *_)], chunk = await connection.fetch_beside(Statement(verb, kept), self._next)
            if not connection.announces_at_once:
                self._news.add(queues, due_in)
        if self._key is not None:
            await self._claim(connection, self._key)

    def notices(self) -> set[Notice]:
        """What is still to be announced when the stored tasks are committed."""
        return self._news.notices()

    def answer(self) -> Answer:
        """As the HTTP API answers."""
        return self._accepted(self._ids, self._met())

    def _next(self) -> list[NewTask]:
        return next(self._chunks, None) or []

    def _read(self, entries: Iterable[Mapping[str, Any]]) -> Iterator[list[NewTask]]:
        chunk: list[NewTask] = []
        size = 0
        reader = TaskReader()
        task_id = self._chosen_id or _NO_ID_YET
        for number, entry in enumerate(entries):
            body = msgspec.json.encode(entry)
            if self._key is not None:
                self._digest.update(body)
            try:
                task = reader.read(body, task_id)
            except InvalidValue as error:
                loc = f"[{number}].{error.loc}" if self._is_batch else error.loc
                raise Refused(refused(400, invalid_value(InvalidValue(loc, error.msg)))) from error
            if len(chunk) == self._at_once or size >= MAX_BYTES_AT_ONCE:
                self._is_long = True
                yield self._with_ids(chunk)
                chunk, size = [], 0
            chunk.append(task)
            size += len(body)
        if chunk:
            yield self._with_ids(chunk)

    def _with_ids(self, chunk: list[NewTask]) -> list[NewTask]:
        if self._chosen_id is None:
            for task, task_id in zip(chunk, new_ids(len(chunk)), strict=True):
                task.id = task_id
        self._ids.extend(None if task.is_transient else task.id for task in chunk)
        self._has_keys |= have_unique_keys(chunk)
        return chunk

    async def _check_limits(self, connection: AsyncConnection, chunk: list[NewTask]) -> None:
        await find_bursts(connection, chunk, self._bursts)
        try:
            limit_check.check(chunk, self._bursts, first=self._checked if self._is_batch else None)
        except InvalidValue as error:
            raise Refused(refused(400, invalid_value(error))) from error
        self._checked += len(chunk)

    async def _meet(self, connection: AsyncConnection, chunk: list[NewTask]) -> list[NewTask]:
        """Returns the tasks of the chunk to be stored. Raises `Refused` if one is rejected for its key."""
        begin = len(self._ids) - len(chunk)
        [(answer,)] = await connection.fetch(Statement("meet_unique_keys", chunk))
        try:
            chosen = choice(chunk, answer)
        except UniqueConflict as error:
            if self._key is not None:
                for _ in self._chunks:
                    """The digest is that of all."""
                await self._refuse_if_repeated(connection, self._key)
            conflict = UniqueConflict(error.task_id, begin + error.number)
            raise Refused(_conflict(conflict.in_batch() if self._is_batch else conflict)) from error
        self._ids[begin:] = chosen.ids
        self._existing += (begin + number for number in chosen.met.existing)
        self._replaced += (begin + number for number in chosen.met.replaced)
        self._news.add({chunk[number].queue_name for number in chosen.met.replaced}, None)
        return chosen.tasks

    async def _claim(self, connection: AsyncConnection, key: str) -> None:
        """Writes the key, with the ids of the stored tasks. Raises `Refused` if it isn't free."""
        digest = self._digest.hexdigest()
        claim = {"key": key, "digest": digest, "task_ids": self._ids, "met": self._met()}
        [(_, is_held, is_written)] = await connection.fetch(Statement("claim_keys", [claim]))
        if is_held:
            raise Refused(refused(409, ErrorBody(KEY_IN_PROGRESS)))
        if not is_written:
            await self._refuse_if_repeated(connection, key)

    async def _refuse_if_repeated(self, connection: AsyncConnection, key: str) -> None:
        """Raises `Refused` with the answer to an earlier call with the same key, if there is one."""
        for _, earlier, ids, met in await connection.fetch(Statement("find_idempotency_keys", key)):
            is_same = bytes(earlier) == self._digest.digest()
            raise Refused(
                self._accepted(ids, read_met(met)) if is_same else refused(409, ErrorBody(KEY_REUSED))
            )

    def _met(self) -> Met:
        return Met(self._existing, self._replaced)

    def _accepted(self, ids: Sequence[str | None], met: Met) -> Answer:
        if not self._is_batch:
            return Answer(201, msgspec.json.encode(accepted_one(ids[0], met)))
        keyed = {"existing": met.existing, "replaced": met.replaced} if self._has_keys else {}
        return Answer(201, msgspec.json.encode({"task_ids": ids, **keyed}))


def accepted_one(task_id: str | None, met: Met) -> dict[str, Any]:
    """The body of the answer to a call for one task."""
    if task_id is None:
        return {"task_id": None, "ttl_seconds": 0}
    flags = {"existing": met.existing, "replaced": met.replaced}
    return {"task_id": task_id, **{name: True for name, numbers in flags.items() if numbers}}


def _conflict(error: UniqueConflict) -> Answer:
    return refused(409, unique_conflict(error.task_id, error.loc))


def refused(status: int, body: ErrorBody) -> Answer:
    """The answer to a call that stores nothing."""
    return Answer(status, msgspec.json.encode(body))

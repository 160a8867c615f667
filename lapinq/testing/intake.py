"""Takes calls as the server does, and keeps the tasks in memory: the same checks, the same answers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import CancelTask, Enqueue, EnqueueBatch
from lapinq.testing.enqueued import EnqueuedTask
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.enqueue import read_batch, read_task
from lapinq_core.domain.requests.refusals import (
    KEY_REUSED,
    NOT_FINISHED,
    UNKNOWN_TASK,
    ErrorBody,
    invalid_value,
    not_cancelled,
)
from lapinq_core.domain.tasks.state import FINAL, Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lapinq._client.calling.calls import ReadResult, ReadStatus, ReadWhy
    from lapinq.testing.enqueued import EnqueuedTasks
    from lapinq_core.domain.tasks.task import NewTask


class Taken(NamedTuple):
    answer: Answer
    tasks: list[EnqueuedTask]


class _Keyed(NamedTuple):
    """What was enqueued with an idempotency key."""

    digest: bytes
    answer: Answer
    ids: set[str]


class Intake:
    """Adds to `enqueued`. It also knows the tasks that were since removed from there."""

    def __init__(self, enqueued: EnqueuedTasks) -> None:
        self._enqueued = enqueued
        self._by_id: dict[str, EnqueuedTask] = {}
        self._keys: dict[str, _Keyed] = {}

    def find(self, task_id: str) -> EnqueuedTask | None:
        return self._by_id.get(task_id)

    def take(self, call: Enqueue | EnqueueBatch, *, over_http: bool = False) -> Taken:
        """The answer, and the tasks that are new. Over HTTP the length of a batch is limited."""
        body = msgspec.json.encode(call.entry if isinstance(call, Enqueue) else list(call.entries))
        digest = hashlib.sha256(body).digest()
        if call.idempotency_key is not None and (before := self._keys.get(call.idempotency_key)):
            return Taken(
                before.answer if before.digest == digest else _answer(409, ErrorBody(KEY_REUSED)), []
            )
        try:
            tasks = [*map(_kept, _read(call, body, over_http=over_http))]
        except InvalidValue as error:
            return Taken(_answer(400, invalid_value(error)), [])
        for task in tasks:
            self._enqueued.add(task)
            if not task.is_transient:
                self._by_id[task.id] = task
        ids = [None if task.is_transient else task.id for task in tasks]
        answer = _answer(201, {"task_id": ids[0]} if isinstance(call, Enqueue) else {"task_ids": ids})
        if call.idempotency_key is not None:
            self._keys[call.idempotency_key] = _Keyed(digest, answer, {task.id for task in tasks})
        return Taken(answer, tasks)

    def forget(self, tasks: list[EnqueuedTask]) -> None:
        """As if they had never been enqueued."""
        lost = {task.id for task in tasks}
        self._enqueued.remove(lost)
        for task_id in lost:
            self._by_id.pop(task_id, None)
        self._keys = {key: kept for key, kept in self._keys.items() if not lost & kept.ids}

    def tell(self, call: ReadStatus | ReadResult | ReadWhy | CancelTask) -> Answer:
        task = self.find(call.task_id)
        if task is None:
            return _answer(404, ErrorBody(UNKNOWN_TASK))
        if isinstance(call, CancelTask):
            return _cancel(task, call)
        if task.status not in FINAL:
            return _answer(200, {"error": NOT_FINISHED, "status": task.status})
        return _answer(
            200,
            {
                "id": task.id,
                "status": task.status,
                "result": task.result,
                "error": task.error,
                "completed_at": datetime.now(UTC),
            },
        )


def _read(call: Enqueue | EnqueueBatch, body: bytes, *, over_http: bool) -> Sequence[NewTask]:
    if isinstance(call, Enqueue):
        return [read_task(body, task_id=call.task_id)]
    if over_http:
        return read_batch(body)
    tasks: list[NewTask] = []
    for number, entry in enumerate(call.entries):
        try:
            tasks.append(read_task(msgspec.json.encode(entry)))
        except InvalidValue as error:
            raise InvalidValue(f"[{number}].{error.loc}", error.msg) from error
    return tasks


def _kept(task: NewTask) -> EnqueuedTask:
    return EnqueuedTask(**msgspec.structs.asdict(task))


def _cancel(task: EnqueuedTask, call: CancelTask) -> Answer:
    if task.status is Status.PENDING:
        task.status = Status.CANCELLED
        return _answer(200, {"id": task.id, "status": task.status})
    return _answer(404, ErrorBody(not_cancelled(task.status, also_running=call.running)))


def _answer(status: int, body: ErrorBody | dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(body), url="http://lapinq.testing/")

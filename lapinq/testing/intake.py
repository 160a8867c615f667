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
from lapinq_core.domain.tasks.state import FINAL, Status

if TYPE_CHECKING:
    from lapinq._client.calling.calls import ReadResult, ReadStatus
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

    def take(self, call: Enqueue | EnqueueBatch) -> Taken:
        """The answer, and the tasks that are new."""
        body = msgspec.json.encode(call.entry if isinstance(call, Enqueue) else list(call.entries))
        digest = hashlib.sha256(body).digest()
        if call.idempotency_key is not None and (before := self._keys.get(call.idempotency_key)):
            return Taken(before.answer if before.digest == digest else _conflict(), [])
        try:
            tasks = [*map(_kept, _read(call, body))]
        except InvalidValue as error:
            return Taken(_invalid(error), [])
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
        for task in tasks:
            self._enqueued.remove(task)
            self._by_id.pop(task.id, None)
        lost = {task.id for task in tasks}
        self._keys = {key: kept for key, kept in self._keys.items() if not lost & kept.ids}

    def tell(self, call: ReadStatus | ReadResult | CancelTask) -> Answer:
        task = self.find(call.task_id)
        if task is None:
            return _answer(404, {"error": "there is no task with this id"})
        if isinstance(call, CancelTask):
            return _cancel(task)
        if task.status not in FINAL:
            return _answer(200, {"error": "task not finished", "status": task.status})
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


def _read(call: Enqueue | EnqueueBatch, body: bytes) -> list[NewTask]:
    if isinstance(call, Enqueue):
        return [read_task(body, task_id=call.task_id)]
    return read_batch(body)


def _kept(task: NewTask) -> EnqueuedTask:
    return EnqueuedTask(**msgspec.structs.asdict(task))


def _cancel(task: EnqueuedTask) -> Answer:
    if task.status is Status.PENDING:
        task.status = Status.CANCELLED
        return _answer(200, {"id": task.id, "status": task.status})
    return _answer(
        404, {"error": f"only a pending task can be cancelled, and this one is {task.status.value}"}
    )


def _invalid(error: InvalidValue) -> Answer:
    details = [{"loc": error.loc, "msg": error.msg}]
    return _answer(400, {"error": f"{error.loc or 'the body'} {error.msg}", "details": details})


def _conflict() -> Answer:
    return _answer(409, {"error": "the Idempotency-Key was used for a different request within 24 hours"})


def _answer(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, msgspec.json.encode(body), url="http://lapinq.testing/")

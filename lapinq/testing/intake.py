"""Takes calls as the server does, and keeps the tasks in memory: the same checks, the same answers."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import CancelTask, Enqueue, EnqueueBatch
from lapinq.testing.enqueued import EnqueuedTask
from lapinq.testing.unique_keys import UniqueKeys
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.requests.enqueue import read_batch, read_task
from lapinq_core.domain.requests.refusals import (
    KEY_REUSED,
    NOT_FINISHED,
    UNKNOWN_TASK,
    ErrorBody,
    invalid_value,
    not_cancelled,
    unique_conflict,
)
from lapinq_core.domain.tasks.state import FINAL, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lapinq._client.calling.calls import ReadResult, ReadStatus, ReadWhy
    from lapinq.testing.enqueued import EnqueuedTasks
    from lapinq_core.domain.tasks.task import NewTask


class Taken(NamedTuple):
    """The answer, the tasks that are new, those that were replaced, and how to undo that."""

    answer: Answer
    tasks: list[EnqueuedTask]
    replaced: list[EnqueuedTask]
    undo: list[Callable[[], None]]

    @classmethod
    def nothing(cls, answer: Answer) -> Taken:
        return cls(answer, [], [], [])


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
        self._unique = UniqueKeys()

    def find(self, task_id: str) -> EnqueuedTask | None:
        return self._by_id.get(task_id)

    def take(
        self, call: Enqueue | EnqueueBatch, *, over_http: bool = False, now: datetime | None = None
    ) -> Taken:
        """Over HTTP the length of a batch is limited. `now` defaults to the time of the clock."""
        body = msgspec.json.encode(call.entry if isinstance(call, Enqueue) else list(call.entries))
        digest = hashlib.sha256(body).digest()
        if call.idempotency_key is not None and (before := self._keys.get(call.idempotency_key)):
            return Taken.nothing(
                before.answer if before.digest == digest else _answer(409, ErrorBody(KEY_REUSED))
            )
        try:
            tasks = [*map(_kept, _read(call, body, over_http=over_http))]
        except InvalidValue as error:
            return Taken.nothing(_answer(400, invalid_value(error)))
        new: list[EnqueuedTask] = []
        replaced: list[EnqueuedTask] = []
        undo: list[Callable[[], None]] = []
        ids: list[str | None] = []
        met: dict[str, list[int]] = {"existing": [], "replaced": []}
        for number, task in enumerate(tasks):
            outcome, holder = "stored", task
            if task.unique_key is not None:
                outcome, holder, undo_it = self._unique.meet(task, now or datetime.now(UTC))
                undo.append(undo_it)
            ids.append(None if holder.is_transient else holder.id)
            if outcome == "rejected":
                for undo_it in reversed(undo):
                    undo_it()
                loc = "unique.key" if isinstance(call, Enqueue) else f"[{number}].unique.key"
                return Taken.nothing(_answer(409, unique_conflict(holder.id, loc)))
            if outcome == "stored":
                new.append(task)
                continue
            met["existing"].append(number)
            if outcome == "replaced":
                met["replaced"].append(number)
                replaced.append(holder)
        for task in new:
            self._enqueued.add(task)
            if not task.is_transient:
                self._by_id[task.id] = task
        if isinstance(call, Enqueue):
            answer = _answer(201, {"task_id": ids[0], **{name: True for name in met if met[name]}})
        else:
            has_keys = any(task.unique_key is not None for task in tasks)
            answer = _answer(201, {"task_ids": ids, **(met if has_keys else {})})
        if call.idempotency_key is not None:
            self._keys[call.idempotency_key] = _Keyed(digest, answer, {task.id for task in tasks})
        return Taken(answer, new, replaced, undo)

    def forget(self, taken: Taken) -> None:
        """As if the call had never been made."""
        for undo_it in reversed(taken.undo):
            undo_it()
        lost = {task.id for task in taken.tasks}
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

"""Keeps the tasks in memory. What reads, checks and answers a call is the client's own insertion."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec

from lapinq._client.calling.answer import Answer
from lapinq._client.calling.calls import (
    AddToWorkflow,
    CancelTask,
    CancelWorkflow,
    CloseWorkflow,
    ReadProgress,
    ReadSteps,
    ReadWorkflow,
    SendSignal,
)
from lapinq._client.declaring.rules import declared_rules
from lapinq._client.transaction.insertion import MAX_TASKS_AT_ONCE, Refused
from lapinq._client.transaction.storing import astore, finished
from lapinq._client.transaction.workflow_insertion import check_members, part_of
from lapinq.errors import LapinqError
from lapinq.testing.enqueued import EnqueuedTask
from lapinq.testing.graphs import Graph
from lapinq.testing.steps import Ending, Steps
from lapinq.testing.unique_keys import UniqueKeys
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.declared import DeclaredLimit
from lapinq_core.domain.requests.refusals import (
    NOT_FINISHED,
    TASK_ENDED,
    UNKNOWN_TASK,
    UNKNOWN_WORKFLOW,
    ErrorBody,
    invalid_value,
    not_cancelled,
)
from lapinq_core.domain.requests.workflows import read_added
from lapinq_core.domain.tasks.state import FINAL, Status

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Sequence, Set

    from lapinq._client.calling.calls import OfTask, OfWorkflow, Storing
    from lapinq._client.transaction.statements import Row, Statement
    from lapinq._client.transaction.workflow_insertion import Part
    from lapinq.testing.enqueued import EnqueuedTasks
    from lapinq_core.db.notify.channels import Notice
    from lapinq_core.domain.tasks.task import NewTask
    from lapinq_core.intake.unique_keys import Met

    T = TypeVar("T")
    Undo = Callable[[], object]

_URL = "http://lapinq.testing/"


class Taken(NamedTuple):
    """The answer, the tasks that are new, those that were replaced, and how to undo that."""

    answer: Answer
    tasks: list[EnqueuedTask]
    replaced: list[EnqueuedTask]
    undo: list[Undo]


class Intake:
    """Adds to `enqueued`. It also knows the tasks that were since removed from there."""

    def __init__(self, enqueued: EnqueuedTasks) -> None:
        self._enqueued = enqueued
        self._by_id: dict[str, EnqueuedTask] = {}
        self.keys: dict[str, Row] = {}
        self.unique = UniqueKeys()
        self._graphs: dict[str, Graph] = {}
        self._graph_of: dict[str, Graph] = {}  # by task

    def graph_of(self, task: EnqueuedTask) -> Graph | None:
        """The workflow that it belongs to."""
        return self._graph_of.get(task.id)

    def add_to_graph(self, part: Part, tasks: Sequence[EnqueuedTask]) -> Undo:
        """Returns how to undo that. As what is undone has never been there, no other task has come after it."""
        workflow = part.workflow
        graph = self._graphs.setdefault(workflow.id, Graph(workflow))
        graph.add(part.members, tasks)
        self._graph_of.update((task.id, graph) for task in tasks)
        return lambda: self._graphs.pop(workflow.id, None)

    def find(self, task_id: str) -> EnqueuedTask | None:
        return self._by_id.get(task_id)

    def ending_of(self, task_id: str) -> Ending | None:
        """As `lapinq_child_outcome_1`."""
        task = self.find(task_id)
        if task is None:
            return Ending("deleted")
        if task.status not in FINAL:
            return None
        value = task.result if task.status is Status.COMPLETED else msgspec.json.encode(task.error).decode()
        return Ending(task.status.value, value)

    def add(self, task: EnqueuedTask) -> None:
        self._enqueued.add(task)
        if not task.is_transient:
            self._by_id[task.id] = task

    def remove(self, ids: Set[str]) -> None:
        self._enqueued.remove(ids)
        for task_id in ids:
            self._by_id.pop(task_id, None)

    def take(self, call: Storing | AddToWorkflow, now: datetime | None = None) -> Taken:
        """`now` defaults to the time of the clock."""
        memory = _Memory(self, now or datetime.now(UTC))
        if isinstance(call, AddToWorkflow):
            answer = self._add(call, memory)
        else:
            answer = msgspec.structs.replace(finished(astore(memory, call)), url=_URL)
        return Taken(answer, [*memory.new.values()], memory.replaced, memory.undo)

    def forget(self, taken: Taken) -> None:
        """As if the call had never been made."""
        _take_back(taken.undo)

    def _add(self, call: AddToWorkflow, memory: _Memory) -> Answer:
        graph = self._graphs.get(call.workflow_id)
        if graph is None:
            return _answer(404, ErrorBody(UNKNOWN_WORKFLOW))
        try:
            members = read_added(msgspec.json.encode({"tasks": call.tasks}))
            part = part_of(graph.workflow, members, graph.ids.copy())
            finished(check_members(memory, members, {}))
        except InvalidValue as error:
            return _answer(400, invalid_value(error))
        except Refused as refused:
            return refused.answer
        memory.store_part(part)
        return _answer(
            201, {"workflow_id": graph.workflow.id, "task_ids": {one.ref: one.task.id for one in members}}
        )

    def tell_of_workflow(self, call: OfWorkflow) -> Answer:
        """Not of tasks to add."""
        graph = self._graphs.get(call.workflow_id)
        if graph is None:
            return _answer(404, ErrorBody(UNKNOWN_WORKFLOW))
        if isinstance(call, ReadWorkflow):
            return _answer(200, graph.shown(with_tasks=call.tasks))
        if isinstance(call, CancelWorkflow):
            return _answer(200, {"id": call.workflow_id, "cancelled": graph.cancel()})
        if isinstance(call, CloseWorkflow):
            return _answer(200, {"id": call.workflow_id, "open": False})
        raise LapinqError("workflows in memory are not retried: test that with the fixture lapinq_database")

    def tell_of_durable(self, call: ReadSteps | SendSignal, steps: Steps | None) -> Answer:
        """`steps` are those of the task. A signal is only checked."""
        task = self.find(call.task_id)
        if task is None or steps is None:
            return _answer(404, ErrorBody(UNKNOWN_TASK))
        if isinstance(call, ReadSteps):
            return _answer(200, steps.shown())
        if task.status in FINAL:
            return _answer(409, ErrorBody(TASK_ENDED))
        return _answer(202, {"id": task.id, "signal": call.name})

    def tell(self, call: OfTask) -> Answer:
        task = self.find(call.task_id)
        if task is None:
            return _answer(404, ErrorBody(UNKNOWN_TASK))
        if isinstance(call, CancelTask):
            return _cancel(task, call)
        if isinstance(call, ReadProgress):
            reported = task.attempts[-1].progress if task.attempts else []
            percent, message = reported[-1] if reported else (None, None)
            return _answer(200, {"status": task.status, "progress": percent, "progress_message": message})
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


class _Memory:
    """A connection to the tasks in memory, for one call."""

    announces_at_once = False
    tasks_at_once = MAX_TASKS_AT_ONCE

    def __init__(self, intake: Intake, now: datetime) -> None:
        self._intake = intake
        self._now = now
        self._keyed: dict[str, EnqueuedTask] = {}
        self.new: dict[str, EnqueuedTask] = {}
        self.replaced: list[EnqueuedTask] = []
        self.undo: list[Undo] = []

    @asynccontextmanager
    async def nested(self) -> AsyncGenerator[None]:
        try:
            yield
        except BaseException:
            _take_back(self.undo)
            for changed in (self.new, self.replaced, self.undo):
                changed.clear()
            raise

    async def fetch(self, statement: Statement) -> Sequence[Row]:
        about = statement.argument
        match statement.verb:
            case "find_limits":
                return [*_bursts().items()]
            case "meet_unique_keys":
                return [(msgspec.json.encode([*self._meet(about)]).decode(),)]
            case "enqueue" | "enqueue_announced":
                self._store(about)
                return [([], None)]
            case "store_workflow":
                self.store_part(about)
                return [([], None)]
            case "claim_keys":
                return [(None, False, self._claim(**about[0]))]
            case "find_idempotency_keys":
                return [self._intake.keys[about]] if about in self._intake.keys else []
            case "signal":
                raise LapinqError("test signals in a transaction with the fixture lapinq_database")
            case "announce" | "store_own_step":  # nobody listens, and no task runs on this connection
                return []

    async def fetch_beside(self, statement: Statement, work: Callable[[], T]) -> tuple[Sequence[Row], T]:
        return await self.fetch(statement), work()

    async def announce(self, notices: set[Notice]) -> None:
        """Nobody listens."""

    def _meet(self, tasks: Sequence[NewTask]) -> Iterator[Row]:
        """As `lapinq_meet_unique_keys`."""
        for number, task in enumerate(tasks):
            if task.unique_key is None:
                continue
            kept = self._keyed[task.id] = _kept(task)
            outcome, holder, undo_it = self._intake.unique.meet(kept, self._now)
            self.undo.append(undo_it)
            yield number, outcome, holder.id, holder.scheduled_at if task.debounce else None
            if outcome == "replaced":
                self.replaced.append(holder)
            if outcome == "rejected":
                return

    def _store(self, tasks: Sequence[NewTask]) -> None:
        # One with a unique key may have got the arguments of a later one already.
        kept = {task.id: self._keyed.get(task.id) or _kept(task) for task in tasks}
        self.new |= kept
        for task in kept.values():
            self._intake.add(task)
        self.undo.append(lambda: self._intake.remove(kept.keys()))

    def store_part(self, part: Part) -> None:
        """Stores tasks of a workflow."""
        tasks = [member.task for member in part.members]
        self._store(tasks)
        self.undo.append(self._intake.add_to_graph(part, [self.new[task.id] for task in tasks]))

    def _claim(self, key: str, digest: str, task_ids: list[str | None], met: Met) -> bool:
        row = (key, bytes.fromhex(digest), task_ids, msgspec.json.encode(met).decode())
        is_written = self._intake.keys.setdefault(key, row) is row
        if is_written:
            self.undo.append(lambda: self._intake.keys.pop(key))
        return is_written


def _bursts() -> dict[str, float | None]:
    """Of the limits that the process declares."""
    limits = (rule for rule in declared_rules.values() if isinstance(rule, DeclaredLimit))
    return {limit.name: limit.rate.burst if limit.rate else None for limit in limits}


def _take_back(undo: Sequence[Undo]) -> None:
    for undo_it in reversed(undo):
        undo_it()


def _kept(task: NewTask) -> EnqueuedTask:
    return EnqueuedTask(**msgspec.structs.asdict(task))


def _cancel(task: EnqueuedTask, call: CancelTask) -> Answer:
    if task.status is Status.PENDING:
        task.status = Status.CANCELLED
        return _answer(200, {"id": task.id, "status": task.status})
    return _answer(404, ErrorBody(not_cancelled(task.status, also_running=call.running)))


def _answer(status: int, body: ErrorBody | dict[str, Any] | list[dict[str, Any]]) -> Answer:
    return Answer(status, msgspec.json.encode(body), url=_URL)

"""`inline`: tasks run as soon as they are enqueued, in this process, and end as they would in a worker.

A task that a running task enqueues runs after it, unless somebody waits for its result. So tasks that enqueue each
other run in a row, not inside each other. A durable task that waits is suspended, and runs again in such a row when
what it waits for has come.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections import deque
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from lapinq._client.calling.calls import (
    AddToWorkflow,
    CancelTask,
    Enqueue,
    EnqueueBatch,
    EnqueueWorkflow,
    ReadProgress,
    ReadResult,
    ReadStatus,
    ReadSteps,
    ReadWhy,
    SendSignal,
)
from lapinq._client.calling.replacing import replaced_by
from lapinq.errors import LapinqError, TaskFailed
from lapinq.handle import TaskRef
from lapinq.testing.clock import travelling
from lapinq.testing.commits import UntilTheEnd
from lapinq.testing.enqueued import EnqueuedTasks
from lapinq.testing.intake import Intake, Taken
from lapinq.testing.runs import NEVER, Run
from lapinq.testing.steps import AskingJob
from lapinq.testing.steps import Steps as StoredSteps
from lapinq_core.domain.tasks.state import Status
from lapinq_worker.running.pools.inline import Ended, arun_inline, run_inline

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from typing import TypeAlias, TypeVar

    from lapinq._client.calling.answer import Answer
    from lapinq._client.calling.calls import Call, Storing
    from lapinq._client.calling.replacing import InTransaction
    from lapinq._client.calling.transport import Transport
    from lapinq._client.settings import ServerSettings
    from lapinq.testing.commits import Effect
    from lapinq.testing.enqueued import EnqueuedTask
    from lapinq_core.domain.tasks.durable.messages import Answer as StepAnswer
    from lapinq_core.domain.tasks.durable.messages import Request

    R = TypeVar("R")
    # Runs the attempts that it yields, and is sent how they ended.
    Steps: TypeAlias = Generator[AskingJob, Ended, R]

MAX_IN_A_ROW = 10_000
MAX_JUMPS = 1000

_row_of_this_context: ContextVar[deque[Run] | None] = ContextVar("lapinq_inline_row", default=None)

log = logging.getLogger("lapinq.testing")


class InlineTasks(EnqueuedTasks):
    """Each task has its status, its result or error, and its attempts.

    With `raise_failures`, enqueueing a task that fails raises `TaskFailed` from what its function raised.
    """

    raise_failures = False

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self._transport = transport

    @property
    def failed(self) -> list[EnqueuedTask]:
        return [task for task in self if task.status is Status.FAILED]

    def signal(self, task: TaskRef | EnqueuedTask | str, name: str, value: Any = None) -> None:
        """As `TaskRef.signal`. If the task waits for it, it goes on at once."""
        task_id = getattr(task, "task_id", None) or getattr(task, "id", task)
        TaskRef(str(task_id), transport=self._transport).signal(name, value)


@contextlib.contextmanager
def inline(*, raise_failures: bool = False) -> Generator[InlineTasks]:
    """Runs what any queue enqueues while the context lasts.

    Retries run at once. A scheduled or snoozed task runs when `travel` reaches its time, or when somebody waits for its
    result.
    """
    runner = Inline()
    runner.tasks.raise_failures = raise_failures
    with runner.carrying():
        yield runner.tasks


class Inline:
    """A transport that runs the tasks it is given."""

    max_in_batch: int | None = None

    def __init__(self) -> None:
        self.tasks = InlineTasks(self)
        self._intake = Intake(self.tasks)
        self._runs: dict[str, Run] = {}
        self._delayed: list[Run] = []
        self._suspended: dict[str, Run] = {}
        self._travelled = timedelta()
        self._claims = 0

    @contextlib.contextmanager
    def carrying(self) -> Generator[None]:
        """Carries the calls of all queues while it lasts."""
        with replaced_by(self), travelling(self.travel):
            yield

    def in_transaction(self, transport: InTransaction) -> UntilTheEnd:
        return UntilTheEnd(transport, self._take_in_transaction)

    def send(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return drive(self._carry_out(call, server))

    async def asend(self, call: Call, server: ServerSettings, timeout: float) -> Answer:
        return await adrive(self._carry_out(call, server))

    def close(self) -> None:
        """There is nothing to close."""

    async def aclose(self) -> None:
        """There is nothing to close."""

    def travel(self, seconds: float) -> None:
        drive(self._travel(self._now() + timedelta(seconds=seconds)))

    def take(self, call: Storing | AddToWorkflow) -> tuple[Taken, list[Run]]:
        """What was taken, and the runs to start: tasks with a higher priority first, without those that wait for
        parents."""
        taken = self._intake.take(call, self._now())
        runs = [self._run_of(task) for task in taken.tasks]
        self._runs.update((run.task.id, run) for run in runs)
        runs += (self._runs[task.id] for task in taken.replaced if task not in taken.tasks)
        runs = [run for run in runs if not self._is_blocked(run)]
        return taken, sorted(runs, key=lambda run: -run.task.priority)

    def forget(self, taken: Taken) -> None:
        self._intake.forget(taken)

    def pass_time(self, run: Run) -> None:
        """Until something can go on so that it ends."""
        drive(self._pass_time(run))

    @property
    def first(self) -> Run:
        """That of the task that was enqueued first."""
        return next(iter(self._runs.values()))

    @property
    def suspended(self) -> list[Run]:
        return [run for run in self._suspended.values() if run.is_suspended]

    def answer(self, run: Run, request: Request) -> StepAnswer:
        """What a durable task asks of its worker."""
        return run.steps.answer(request, self._now())

    def _spawn(self, call: Enqueue) -> Answer:
        taken, runs = self.take(call)
        drive(self.run_in_a_row(runs))
        return taken.answer

    def _run_of(self, task: EnqueuedTask) -> Run:
        steps = StoredSteps(self._intake.ending_of, self._spawn)
        return Run(task, self._now(), steps, self._intake.graph_of(task))

    def send_signal(self, call: SendSignal) -> Steps[None]:
        """To a task that takes it."""
        self._runs[call.task_id].steps.send(call.name, call.value.decode())
        yield from self.run_in_a_row(self._woken())

    def _take_in_transaction(self, call: Storing | SendSignal) -> tuple[Answer, Effect]:
        if isinstance(call, SendSignal):
            answer = self._tell_of_durable(call)
            return answer, _Signal(self, call, is_taken=answer.status_code == HTTPStatus.ACCEPTED)
        taken, runs = self.take(call)
        return taken.answer, _Start(self, taken, runs)

    def _tell_of_durable(self, call: ReadSteps | SendSignal) -> Answer:
        run = self._runs.get(call.task_id)
        return self._intake.tell_of_durable(call, run and run.steps)

    def _carry_out(self, call: Call, server: ServerSettings) -> Steps[Answer]:
        match call:
            case Enqueue() | EnqueueBatch() | EnqueueWorkflow() | AddToWorkflow():
                taken, runs = self.take(call)
                yield from self.run_in_a_row(runs)
                return taken.answer
            case ReadResult(wait=wait):
                if wait and call.task_id in self._runs:
                    yield from self._finish(self._runs[call.task_id])
                return self._intake.tell(call)
            case ReadStatus() | ReadProgress() | ReadWhy():
                return self._intake.tell(call)
            case CancelTask():
                answer = self._intake.tell(call)
                if (task := self._intake.find(call.task_id)) is not None:
                    yield from self.run_in_a_row(self._freed_by(task))
                return answer
            case ReadSteps():
                return self._tell_of_durable(call)
            case SendSignal():
                answer = self._tell_of_durable(call)
                if answer.status_code == HTTPStatus.ACCEPTED:
                    yield from self.send_signal(call)
                return answer
            case _:
                return self._intake.tell_of_workflow(call)

    def run_in_a_row(self, runs: Sequence[Run]) -> Steps[None]:
        row = _row_of_this_context.get()
        if row is not None:  # inside a task
            row.extend(runs)
            return
        row = deque(runs)
        failures: list[Run] = []
        token = _row_of_this_context.set(row)
        try:
            most = len(self._runs) + MAX_IN_A_ROW
            while row:
                if len(self._runs) > most:
                    raise LapinqError(f"tasks enqueued more than {MAX_IN_A_ROW} others in a row")
                run = row.popleft()
                yield from self._run(run)
                if run.has_failed:
                    failures.append(run)
        finally:
            _row_of_this_context.reset(token)
        if failures and self.tasks.raise_failures:
            raise _failure(failures[0]) from failures[0].failure

    def _run(self, run: Run) -> Steps[None]:
        if self._is_blocked(run):
            return
        yield from self._try(run)
        row = _row_of_this_context.get()
        assert row is not None
        row.extend(self._freed_by(run.task))

    def _try(self, run: Run) -> Steps[None]:
        while run.task.status is Status.PENDING:
            if run.due > self._now():
                if run not in self._delayed:
                    self._delayed.append(run)
                return
            self._claims += 1
            self._suspended.pop(run.task.id, None)
            started = run.start(self._claims, self._now(), functools.partial(self.answer, run))
            if started is None:
                return
            if isinstance(started, AskingJob):
                run.end(started, (yield started), self._now())
            else:
                run.end(None, started, self._now())
            if run.is_suspended:
                self._suspended[run.task.id] = run
            if run.has_failed:
                log.error("%s failed: %s", run.task, run.task.attempts[-1].traceback or run.task.error)

    def _is_blocked(self, run: Run) -> bool:
        graph = self._intake.graph_of(run.task)
        return graph is not None and graph.node_of(run.task.id).is_blocked

    def _freed_by(self, task: EnqueuedTask) -> list[Run]:
        """What may run as the attempt has ended."""
        graph = self._intake.graph_of(task)
        freed = [] if graph is None else [self._runs[one.id] for one in graph.advance(task)]
        return [*freed, *self._woken()]

    def _woken(self) -> list[Run]:
        """Suspended tasks that have something to go on with."""
        woken = [run for run in self.suspended if run.steps.can_go_on]
        for run in woken:
            run.wake(self._now())
        return woken

    def _finish(self, run: Run) -> Steps[None]:
        """Runs it, after those that it waits for, as often as it takes, at the times for which it asks."""
        for one in (*self._before(run), run):
            yield from self._finish_one(one)

    def _before(self, run: Run) -> list[Run]:
        """The tasks of its workflow without whose end it does not run."""
        graph = self._intake.graph_of(run.task)
        return [] if graph is None else [self._runs[task.id] for task in graph.pending_before(run.task)]

    def _finish_one(self, run: Run) -> Steps[None]:
        for _ in range(MAX_JUMPS):
            if run.task.status is not Status.PENDING:
                return
            yield from self._pass_time(run)
        raise LapinqError(f"{run.task} was put off {MAX_JUMPS} times while somebody waited for its result")

    def _pass_time(self, run: Run) -> Steps[None]:
        """Until it is due, or the first of those for which it waits, and runs that."""
        first = min(self._awaited_by(run), key=lambda one: one.due, default=run)
        if first.due == NEVER:
            raise LapinqError(f"{first.task} is {first.task.attempts[-1].error}, and nothing sends that")
        self._move_to(first.due)
        if _row_of_this_context.get() is None:
            yield from self.run_in_a_row([first])
        else:
            yield from self._run(first)

    def _awaited_by(self, run: Run) -> list[Run]:
        """Those of which one may run next so that it ends: itself, and those for whose end it waits, and so on."""
        found = {run.task.id: run}
        todo = [run]
        while todo:
            waits = todo.pop().steps.waiting
            for child in [self._runs[wait.child] for wait in waits if wait.child in self._runs]:
                new = [one for one in (*self._before(child), child) if one.task.id not in found]
                found.update((one.task.id, one) for one in new)
                todo += new
        return [
            one for one in found.values() if one.task.status is Status.PENDING and not self._is_blocked(one)
        ]

    def _travel(self, until: datetime) -> Steps[None]:
        for _ in range(MAX_IN_A_ROW):
            run = min(self._delayed, key=lambda run: run.due, default=None)
            if run is None or run.due > until:
                self._move_to(until)
                return
            self._delayed.remove(run)
            self._move_to(run.due)
            yield from self.run_in_a_row([run])
        raise LapinqError(f"more than {MAX_IN_A_ROW} tasks fell due")

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._travelled

    def _move_to(self, at: datetime) -> None:
        self._travelled = max(self._travelled, at - datetime.now(UTC))


class _Start:
    """Starts tasks at the commit."""

    def __init__(self, inline: Inline, taken: Taken, runs: list[Run]) -> None:
        self._inline = inline
        self._taken = taken
        self._runs = runs
        self.tasks = taken.tasks

    def on_commit(self) -> None:
        drive(self._inline.run_in_a_row(self._runs))

    async def aon_commit(self) -> None:
        await adrive(self._inline.run_in_a_row(self._runs))

    def on_rollback(self) -> None:
        self._inline.forget(self._taken)


class _Signal:
    """Sends a signal at the commit, if the task takes it."""

    def __init__(self, inline: Inline, call: SendSignal, *, is_taken: bool) -> None:
        self._inline = inline
        self._call = call
        self._is_taken = is_taken
        self.tasks: list[EnqueuedTask] = []

    def on_commit(self) -> None:
        if self._is_taken:
            drive(self._inline.send_signal(self._call))

    async def aon_commit(self) -> None:
        if self._is_taken:
            await adrive(self._inline.send_signal(self._call))

    def on_rollback(self) -> None:
        """It is not sent."""


def drive(steps: Steps[R]) -> R:
    """Runs the attempts in plain code."""
    with contextlib.closing(steps):  # here, in the context in which they began
        try:
            job = next(steps)
            while True:
                job = steps.send(run_inline(job))
        except StopIteration as stop:
            return stop.value


async def adrive(steps: Steps[R]) -> R:
    """Runs the attempts on the running event loop."""
    with contextlib.closing(steps):
        try:
            job = next(steps)
            while True:
                job = steps.send(await arun_inline(job))
        except StopIteration as stop:
            return stop.value


def _failure(run: Run) -> TaskFailed:
    task = run.task
    return TaskFailed(f"{task} failed: {task.error}", task_id=task.id, status=task.status, error=task.error)

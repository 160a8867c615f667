"""One task that runs inline, from attempt to attempt."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, assert_never

import msgspec

from lapinq.errors import LapinqError
from lapinq.testing.enqueued import Attempt
from lapinq.testing.steps import AskingJob
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.decide import Complete, Drop, Fail, Nothing, Release, Retry, decide
from lapinq_core.domain.tasks.outcome import Suspended, WorkerLost
from lapinq_core.domain.tasks.state import Status
from lapinq_worker.running.host import Host
from lapinq_worker.running.outcomes import raised
from lapinq_worker.running.pools.inline import Ended
from lapinq_worker.running.targets import load_target
from lapinq_worker.running.time_limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from lapinq.testing.enqueued import EnqueuedTask
    from lapinq.testing.graphs import Graph
    from lapinq.testing.steps import Steps
    from lapinq_core.domain.tasks.decide import Next
    from lapinq_core.domain.tasks.durable.messages import Answer, Request

MAX_RUNS = 1000
# The middle: a random delay is neither lengthened nor shortened.
_RAND = 0.5
NEVER = datetime.max.replace(tzinfo=UTC)
"""When a suspended task is due that no time wakes."""


class Run:
    """`failure` is what the function raised in the last attempt of a task that failed."""

    def __init__(self, task: EnqueuedTask, now: datetime, steps: Steps, graph: Graph | None = None) -> None:
        """`graph` is the workflow that the task belongs to."""
        self.task = task
        self.steps = steps
        self.is_crashed = False
        self._graph = graph
        self._due_again: datetime | None = None
        self.failure: BaseException | None = None
        self._enqueued_at = now
        self._starts = 0

    @property
    def due(self) -> datetime:
        """The time of the next attempt. Before the first, the task may still be replaced, and with it the time."""
        return self._due_again or max(self._enqueued_at, self.task.scheduled_at or self._enqueued_at)

    @property
    def has_failed(self) -> bool:
        return self.task.status is Status.FAILED

    @property
    def is_suspended(self) -> bool:
        return self.task.status is Status.PENDING and bool(self.steps.waiting)

    def wake(self, now: datetime) -> None:
        """A suspended task goes on."""
        self._due_again = now

    def start(
        self, claim_seq: int, now: datetime, answer: Callable[[Request], Answer]
    ) -> AskingJob | Ended | None:
        """The next attempt as a worker would claim it; how it ended if its function can't be found. None if the task
        has expired. `answer` answers what it asks of its worker."""
        task = self.task
        if task.ttl_seconds and now > self._enqueued_at + timedelta(seconds=task.ttl_seconds):
            task.status = Status.EXPIRED
            return None
        if len(task.attempts) >= MAX_RUNS:
            raise LapinqError(f"{task} ran {MAX_RUNS} times and asks to run again")
        self._starts += 1
        attempt = Attempt(number=self._starts)
        task.attempts = [*task.attempts, attempt]
        task.status = Status.RUNNING
        self.is_crashed = False
        self.steps.begin(self._starts)
        try:
            target = load_target(task.module_path, task.task_name)
        except Exception as error:  # noqa: BLE001  # user code: importing a module runs it
            return Ended(raised(error), error)
        host = Host(
            Limits(),
            note_progress=lambda _claim, percent, message: attempt.progress.append((percent, message)),
        )
        return AskingJob(self._claim(claim_seq), target, host, answer)

    def end(self, job: AskingJob | None, ended: Ended, now: datetime) -> None:
        """Decides what follows the attempt. `job` is None if it had no function."""
        task = self.task
        attempt = task.attempts[-1]
        if job is not None and job.spent is not None:
            attempt.spent = job.spent
        attempt.log = (job.log_text() if job is not None else None) or ""
        if job is not None:
            job.end()
        policy = job.policy if job is not None else self._claim(0).policy
        if task.is_transient:
            policy = msgspec.structs.replace(policy, max_retries=0)
        outcome = WorkerLost("inline") if self.is_crashed else ended.outcome
        step = decide(policy, self._starts, outcome, _RAND)
        self._settle(step, attempt, now)
        if isinstance(outcome, Suspended):
            self._due_again = self.steps.due or NEVER
            attempt.delay = None if self.steps.due is None else (self.steps.due - now).total_seconds()
        else:
            self.steps.forget_waits()
        if self.has_failed:
            self.failure = ended.error

    def _settle(self, step: Next, attempt: Attempt, now: datetime) -> None:
        task = self.task
        match step:
            case Complete(result=result):
                task.status, task.result = Status.COMPLETED, result
            case Fail(error=error, traceback=traceback):
                task.status = Status.FAILED
                task.error = attempt.error = error
                attempt.traceback = traceback
            case Retry(delay=delay, error=error, traceback=traceback):
                task.status, self._due_again = Status.PENDING, now
                attempt.error, attempt.traceback, attempt.delay = error, traceback, delay
            case Release(error=error, delay=delay):
                task.status, self._due_again = Status.PENDING, now + timedelta(seconds=delay)
                attempt.error, attempt.delay = error, delay
                self._starts -= 1
            case Drop(reason=reason):
                task.status = Status.CANCELLED
                task.error = attempt.error = reason
            case Nothing():  # it would take a database to end in a transaction
                raise AssertionError(step)
            case _:
                assert_never(step)

    def _claim(self, claim_seq: int) -> Claim:
        task, graph = self.task, self._graph
        return Claim(
            "" if task.is_transient else task.id,
            task.task_name,
            task.module_path,
            _json(task.args),
            _json(task.kwargs),
            self._starts,
            task.max_retries,
            task.retry_delay,
            task.retry_backoff,
            -task.priority,
            claim_seq,
            timeout=task.timeout_seconds,
            claim_seq=claim_seq,
            enqueued_at=None if task.is_transient else self._enqueued_at.timestamp(),
            metadata=_json(task.metadata),
            request_id=task.request_id,
            queue_name=task.queue_name,
            token=str(uuid.uuid4()),
            parents=graph and {one.ref: one.outcome() for one in graph.node_of(task.id).parents},
            workflow_id=graph and graph.workflow.id,
        )


def _json(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))

"""`running_as`: a `current_task()` for calling a task's function directly."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq._client.entries.encoding import encode
from lapinq.errors import LapinqError
from lapinq.testing.enqueued import EnqueuedTasks
from lapinq.testing.intake import Intake
from lapinq.testing.steps import AskingJob, Steps
from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.context import CurrentTask, running
from lapinq_core.domain.tasks.durable.calls import check_name
from lapinq_core.domain.tasks.durable.messages import Wait
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Target
from lapinq_worker.running.time_limits import Limits

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from lapinq.testing.steps import Ending
    from lapinq_core.domain.tasks.durable.messages import Answer, Request


class _DirectJob(AskingJob):
    """Its calls are awaited where an event loop runs."""

    __slots__ = ()

    @property
    def is_coroutine(self) -> bool:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False
        return True


class RunningTask(CurrentTask):
    """What the code sees, and what it reported: `reported` has each percentage with its message.

    `spawned` has the tasks that it spawned, which don't run.
    """

    __slots__ = ("_job", "_steps", "reported", "spawned")

    def __init__(
        self,
        job: _DirectJob,
        steps: Steps,
        reported: list[tuple[int, str | None]],
        spawned: EnqueuedTasks,
    ) -> None:
        super().__init__(job)
        self._job = job
        self._steps = steps
        self.reported = reported
        self.spawned = spawned

    @property
    def spent(self) -> Mapping[str, float]:
        """The units of named limits that it used, as it said last."""
        return self._job.spent or {}

    @property
    def logged(self) -> str:
        """The lines that went to its `log`."""
        return self._job.log_text() or ""

    def signal(self, name: str, value: Any = None) -> None:
        """Sends it a signal, which is kept until it waits for that. Raises `InvalidValue`."""
        check_name("name", name)
        self._steps.send(name, bytes(encode(value, "value")).decode())

    def cancel(self) -> None:
        """From now on `cancelled` is true."""
        self._job.is_cancelled = True

    def lose_lease(self) -> None:
        """From now on `lease_lost` is true."""
        self._job.is_lost = True


@contextlib.contextmanager
def running_as(
    task_name: str = "test",
    *,
    id: str | None = None,  # noqa: A002  # as in `CurrentTask`
    module_path: str = "test",
    queue: str = "default",
    attempt: int = 1,
    max_retries: int = 3,
    metadata: Mapping[str, Any] | None = None,
    request_id: str | None = None,
    workflow_id: str | None = None,
    enqueued_at: datetime | None = None,
    timeout: float = 300.0,
    claim_seq: int = 1,
) -> Generator[RunningTask]:
    """Inside the context `current_task()` returns a task with these properties, each with a default.

    `timeout` is in seconds and gives the deadline; nothing enforces it.

    Its steps are kept while the context lasts. Sleeps and timeouts are over at once. Waiting for a signal that was not
    sent raises LapinqError if it has no timeout, and so does waiting for another task.
    """
    at = datetime.now(UTC) if enqueued_at is None else enqueued_at
    claim = Claim(
        new_id() if id is None else id,
        task_name,
        module_path,
        msgspec.Raw(b"[]"),
        msgspec.Raw(b"{}"),
        attempt,
        max_retries,
        10.0,
        True,
        0,
        claim_seq,
        timeout=timeout,
        claim_seq=claim_seq,
        enqueued_at=at.timestamp(),
        metadata=msgspec.Raw(msgspec.json.encode(metadata)),
        request_id=request_id,
        queue_name=queue,
        token=str(uuid.uuid4()),
        workflow_id=workflow_id,
    )
    reported: list[tuple[int, str | None]] = []
    host = Host(Limits(), note_progress=lambda _claim, percent, message: reported.append((percent, message)))
    spawned = EnqueuedTasks()
    intake = Intake(spawned)
    steps = Steps(_no_other, lambda call: intake.take(call).answer)

    def answer(request: Request) -> Answer:
        now = datetime.now(UTC)
        answered = steps.answer(request, now)
        if not isinstance(request, Wait) or not steps.waiting:
            return answered
        if steps.due is None:
            raise LapinqError(
                f"nothing has sent the signal {' or '.join(request.names)} for which it waits: call signal(name, value)"
                " on what running_as() gives, or run the task with inline()"
            )
        return steps.answer(request, max(now, steps.due))

    job = _DirectJob(claim, Target(running_as), host, answer)
    job.started = time.perf_counter()
    token = running.set(job)
    try:
        yield RunningTask(job, steps, reported, spawned)
    finally:
        running.reset(token)


def _no_other(_task_id: str) -> Ending | None:
    raise LapinqError("running_as() runs no other task that this one could wait for: inline() does")

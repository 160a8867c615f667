"""`running_as`: a `current_task()` for calling a task's function directly."""

from __future__ import annotations

import contextlib
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from lapinq_core.domain.ids import new_id
from lapinq_core.domain.tasks.claim import Claim
from lapinq_core.domain.tasks.context import CurrentTask, running
from lapinq_worker.running.host import Host
from lapinq_worker.running.job import Job, Target
from lapinq_worker.running.time_limits import Limits

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping


class RunningTask(CurrentTask):
    """What the code sees, and what it reported: `reported` has each percentage with its message."""

    __slots__ = ("_job", "reported")

    def __init__(self, job: Job, reported: list[tuple[int, str | None]]) -> None:
        super().__init__(job)
        self._job = job
        self.reported = reported

    @property
    def spent(self) -> Mapping[str, float]:
        """The units of named limits that it used, as it said last."""
        return self._job.spent or {}

    @property
    def logged(self) -> str:
        """The lines that went to its `log`."""
        return self._job.log_text() or ""

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
    job = Job(claim, Target(running_as), host)
    job.started = time.perf_counter()
    token = running.set(job)
    try:
        yield RunningTask(job, reported)
    finally:
        running.reset(token)

"""The attempt behind `current_task()` in a child process (`lapinq_core.domain.tasks.context.Attempt`)."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lapinq_core.domain.tasks.context import Transaction
from lapinq_worker.running.attempt_log import MAX_LINE, AttemptLog
from lapinq_worker.running.job import decode_metadata
from lapinq_worker.running.pools.child_side.channel import Channel
from lapinq_worker.running.pools.child_side.frames import Call, LogLine, Spend
from lapinq_worker.running.pools.child_side.shared_page import SharedPage
from lapinq_worker.running.pools.child_side.time_limit_signal import TimeLimitSignal
from lapinq_worker.running.spends import with_spend


class WorkerLink:
    """The ways back to the worker, shared by all calls of a child."""

    def __init__(
        self, channel: Channel, page: SharedPage, time_limit: TimeLimitSignal, database_url: str | None
    ) -> None:
        self.channel = channel
        self.page = page
        self.time_limit = time_limit
        self.database_url = database_url


class ChildAttempt:
    """Call number `number`, running since `started`, by time.perf_counter."""

    __slots__ = (
        "_asked",
        "_details",
        "_number",
        "_worker",
        "is_committed",
        "last_progress",
        "log",
        "spent",
        "started",
    )

    def __init__(self, worker: WorkerLink, number: int, asked: Call, started: float) -> None:
        self._worker = worker
        self._number = number
        self._asked = asked
        self._details = asked.details
        self.started = started
        self.is_committed = False
        self.last_progress: tuple[int, str | None] | None = None
        self.log: AttemptLog | None = None  # a copy, for an attempt that completes itself
        self.spent: dict[str, float] | None = None  # as well

    @property
    def id(self) -> str:
        return self._details.id

    @property
    def token(self) -> str:
        """The token of its claim."""
        return self._details.token

    @property
    def task_name(self) -> str:
        return self._asked.task_name

    @property
    def module_path(self) -> str:
        return self._asked.module_path

    @property
    def queue_name(self) -> str:
        return self._details.queue_name

    @property
    def attempt(self) -> int:
        return self._details.attempt

    @property
    def max_retries(self) -> int:
        return self._details.max_retries

    @property
    def metadata(self) -> Mapping[str, Any]:
        return decode_metadata(self._details.metadata)

    @property
    def request_id(self) -> str | None:
        return self._details.request_id

    @property
    def workflow_id(self) -> str | None:
        return self._details.workflow_id

    @property
    def enqueued_at(self) -> datetime | None:
        at = self._details.enqueued_at
        return None if at is None else datetime.fromtimestamp(at, UTC)

    @property
    def deadline(self) -> datetime:
        left = self.started + self._details.time_limit - time.perf_counter()
        return datetime.now(UTC) + timedelta(seconds=left)

    @property
    def claim_seq(self) -> int:
        return self._details.claim_seq

    @property
    def is_cancelled(self) -> bool:
        return self._worker.page.is_cancelled(self._number)

    @property
    def is_lease_lost(self) -> bool:
        return self._worker.page.is_lost(self._number)

    def report_progress(self, percent: int, message: str | None) -> None:
        self.last_progress = (percent, message)
        self._worker.page.report_progress(self._number, percent, message)

    def write_log(self, line: str) -> None:
        # One character more than is kept shows the worker that it was longer.
        line = line[: MAX_LINE + 1].encode("utf-8", "backslashreplace").decode()
        self._worker.channel.send(LogLine(self._number, line))
        self._worker.time_limit.raise_deferred()
        if self.log is None:
            self.log = AttemptLog()
        self.log.add(line)

    def log_text(self) -> str | None:
        """What it has logged so far, None for nothing."""
        return None if self.log is None else self.log.text()

    def spend(self, limit: str, units: float) -> None:
        self.spent = with_spend(self.spent, limit, units)
        self._worker.channel.send(Spend(self._number, limit, units))
        self._worker.time_limit.raise_deferred()

    def transaction(self, result: Any) -> Transaction:
        from lapinq_worker.running.transaction import AttemptTransaction

        return AttemptTransaction(self, result)

    def database_url(self) -> str | None:
        """Where an attempt that completes itself writes."""
        return self._worker.database_url

    def committed(self) -> None:
        """It completed itself."""
        self.is_committed = True
        self._worker.page.commit(self._number)

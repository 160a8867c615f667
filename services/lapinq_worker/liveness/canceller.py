"""Carries out cancel requests. They come by NOTIFY, and again with each heartbeat while the task runs."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from lapinq_core.domain.tasks.outcome import Cancelled, Outcome
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job

REASON = "stopped on request"

log = logging.getLogger(__name__)


class CancellingPool(Protocol):
    """A pool that can cancel a job."""

    def cancel(self, task_id: str, token: str, outcome: Outcome) -> bool:
        """Cancels the job, gently at first, and settles it as `outcome`. False when the pool does not have it.

        A second call for the same job changes nothing.
        """
        ...


class Canceller:
    """A request names a claim by its token, so it never touches a later attempt.

    `on_ended` gets a job that was cancelled before its start.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        pools: Sequence[CancellingPool],
        on_ended: Callable[[Job, Outcome, float], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._pools = pools
        self._on_ended = on_ended

    def heard(self, payload: str) -> None:
        """A NOTIFY: id and token, separated by a space. If it is empty, the next heartbeat brings the request."""
        task_id, space, token = payload.partition(" ")
        if space:
            self.stop(task_id, token)

    def stop(self, task_id: str, token: str) -> None:
        """Cancels a task if this worker holds that claim."""
        job = self._dispatcher.take_out(task_id, token)
        if job is not None:
            log.info("task %s is cancelled before its start", task_id)
            self._on_ended(job, Cancelled(REASON), 0.0)
            return
        if any(pool.cancel(task_id, token, Cancelled(REASON)) for pool in self._pools):
            log.info("stopping task %s on request", task_id)

"""Stops tasks that somebody asked to stop: heard over NOTIFY, and again with each heartbeat while they run."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from lapinq_core.domain.tasks.outcome import Cancelled, Outcome
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job

REASON = "stopped on request"

log = logging.getLogger(__name__)


class Stopping(Protocol):
    """A pool, as far as this needs it."""

    def cancel(self, task_id: str, token: str, outcome: Outcome) -> bool:
        """Stops the running job, gently at first, and settles it as `outcome`. False when it does not run here.

        Asked again for the same job it changes nothing.
        """
        ...


class Canceller:
    """A request names a claim by its token, so it never touches a later attempt. One event loop owns it.

    `on_ended` gets a job that was cancelled before its start.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        pools: Sequence[Stopping],
        on_ended: Callable[[Job, Outcome, float], None],
    ) -> None:
        self._dispatcher = dispatcher
        self._pools = pools
        self._on_ended = on_ended

    def heard(self, payload: str) -> None:
        """NOTIFY: id and token, with a space between. An empty one says nothing: the next heartbeat tells."""
        task_id, space, token = payload.partition(" ")
        if space:
            self.stop(task_id, token)

    def stop(self, task_id: str, token: str) -> None:
        """Stops a task if this worker holds that claim of it."""
        job = self._dispatcher.take_out(task_id, token)
        if job is not None:
            log.info("task %s is cancelled before its start", task_id)
            self._on_ended(job, Cancelled(REASON), 0.0)
            return
        if any(pool.cancel(task_id, token, Cancelled(REASON)) for pool in self._pools):
            log.info("stopping task %s on request", task_id)

"""A thread that notices a blocked event loop and ends it. The package's docstring tells the whole story.

The pool of coroutines says whose code has the loop, for the coroutines it steps. From Python 3.12 on, asyncio tells it
for the tasks they start. Where the job is unknown, the guard waits until all running coroutines are past their limits.
A loop that is blocked while nothing runs, or while no job has a limit, is ended after `blocked_after` seconds.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from lapinq_core.domain.tasks.context import running
from lapinq_core.domain.tasks.outcome import Cancelled, Outcome, TimedOut, WorkerLost
from lapinq_core.runtime.settings import Settings
from lapinq_core.runtime.thread_stacks import is_debugged, stack_of
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.blocked_loop.watchdog import Watchdog
from lapinq_worker.liveness.canceller import REASON
from lapinq_worker.running.job import Job
from lapinq_worker.running.time_limits import Limits, limits_of
from lapinq_worker.running.unsettled import Unsettled

LOOK_SECONDS = 0.2
BLOCKED_SECONDS = 0.75  # longer than the time between two calls of `loop_turned`
PAUSED_SECONDS = 2.0
RETRY_SECONDS = 1.0
HANDOVER_SECONDS = 60.0  # an upper bound
MAX_BLOCKED_SECONDS = 3600.0

log = logging.getLogger(__name__)


class Coroutines(Protocol):
    """The pool of coroutines."""

    current: Job | None
    """The job whose code has the event loop at this moment."""

    def unsettled(self) -> list[Unsettled]:
        """The coroutines that run."""
        ...


Handover = Callable[[Mapping[Job, Outcome], Callable[[], bool]], bool]
"""Ends the given jobs and releases the rest, unless the loop turns first. Returns whether it did."""


class LoopGuard:
    """Guards the running event loop, which calls `loop_turned` twice a second."""

    def __init__(
        self,
        pool: Coroutines,
        limits: Limits,
        *,
        name: str,
        blocked_after: float,
        handover: Handover,
        reexec: Callable[[], None] | None,
        watchdog: Watchdog | None = None,
    ) -> None:
        """`name` is the worker's. `reexec` is called in the guard's thread and does not return."""
        self._pool = pool
        self._limits = limits
        self._name = name
        self._blocked_after = blocked_after
        self._handover = handover
        self._reexec = reexec
        self._watchdog = watchdog
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._turns = 0
        self._cancelled_at: dict[tuple[str, str], float] = {}  # requests that the loop has not seen yet
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lapinq loop guard", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        if self._watchdog is not None:
            self._watchdog.feed()
        self._thread.start()

    def stop(self) -> None:
        """Stops, without waiting for the thread."""
        self._stop.set()
        if self._watchdog is not None:
            self._watchdog.stop()

    def loop_turned(self) -> None:
        """The event loop turns."""
        self._turns += 1
        if self._cancelled_at:
            self._cancelled_at.clear()

    @any_thread
    def cancel_requested(self, task_id: str, token: str) -> None:
        """Somebody wants this claim cancelled. Called again and again."""
        self._cancelled_at.setdefault((task_id, token), time.perf_counter())

    def _watch(self) -> None:
        seen = (self._pool.current, self._turns)
        since = looked = time.perf_counter()
        while not self._stop.wait(LOOK_SECONDS):
            if self._watchdog is not None:
                self._watchdog.feed()
            before, looked = looked, time.perf_counter()
            now_seen = (self._pool.current, self._turns)
            if now_seen != seen or looked - before > PAUSED_SECONDS:
                # The loop turns; or the whole process was paused, and the loop needs time to wake up.
                seen, since = now_seen, looked
            elif looked - since > BLOCKED_SECONDS:
                try:
                    culprits = self._culprits(since, looked)
                except Exception:  # a loop's turn: without the guard the watchdog would end a healthy process
                    log.exception("the guard of the event loop failed")
                    continue
                if culprits is not None:
                    since = looked if self._end(culprits, looked - since, seen[1]) else since
                    self._stop.wait(RETRY_SECONDS)
                    looked = time.perf_counter()

    def _culprits(self, since: float, now: float) -> dict[Job, Outcome] | None:
        """The jobs to blame, with their outcomes. None while the loop must not be ended yet."""
        outcomes = {job: outcome for job, outcome, _ in self._pool.unsettled()}
        job = self._pool.current or _job_of_current_task(self._loop)
        suspects = list(outcomes) if job is None else [job]
        culprits = dict[Job, Outcome]()
        for suspect in suspects:
            limit = self._limits.time_limit_of(suspect.claim)
            # The limit of a job that was abandoned on the loop counts from when it blocked the loop.
            due = (suspect.started if suspect in outcomes else since) + limit + self._limits.time_limit_grace
            cancelled_at = self._cancelled_at.get((suspect.claim.id, suspect.claim.token))
            if cancelled_at is not None and cancelled_at + self._limits.cancel_grace <= now:
                culprits[suspect] = Cancelled(REASON)
            elif due <= now:
                outcome = outcomes.get(suspect)
                culprits[suspect] = outcome if isinstance(outcome, Cancelled) else TimedOut(limit)
        if suspects and len(culprits) == len(suspects):
            return culprits
        if now - since > self._blocked_after:
            # By now the heartbeat has stopped too, so other workers have rescued them.
            return {suspect: WorkerLost(self._name, is_suspect=True) for suspect in suspects}
        return None

    def _end(self, culprits: Mapping[Job, Outcome], seconds: float, turns: int) -> bool:
        """False when the known outcomes could not be written yet."""
        if is_debugged(self._loop_thread):
            return True
        log.error(
            "the event loop has been blocked for %.3g s by %s; releasing all other tasks. It is at:\n%s",
            seconds,
            ", ".join(map(_describe, culprits)) or "something unknown",
            stack_of(self._loop_thread),
        )
        if self._watchdog is not None:
            self._watchdog.allow(HANDOVER_SECONDS)
        try:
            if not self._handover(culprits, lambda: self._turns == turns and not self._stop.is_set()):
                log.warning("the event loop turns again")
                return True
        except Exception as error:  # noqa: BLE001  # a loop's turn: tried again while the loop is blocked
            log.warning("could not release the tasks yet: %s", str(error).strip() or type(error).__name__)
            return False
        if self._reexec is not None:
            self._reexec()
        while self._turns == turns and not self._stop.wait(LOOK_SECONDS):
            pass
        return True


def make_guard(
    settings: Settings, name: str, pool: Coroutines, handover: Handover, reexec: Callable[[], None] | None
) -> LoopGuard:
    """A guard of the running loop, with a watchdog where the process is ours to end."""
    limit, lease = settings.worker_timeout, settings.lease_seconds
    # A process that was paused for three leases must be able to go on.
    watchdog = None if reexec is None else Watchdog(min(limit, MAX_BLOCKED_SECONDS) + 4 * lease)
    return LoopGuard(
        pool,
        limits_of(settings),
        name=name,
        blocked_after=limit + lease,
        handover=handover,
        reexec=reexec,
        watchdog=watchdog,
    )


def _describe(job: Job) -> str:
    return f"{job.module_path}.{job.task_name} (task {job.id or 'fire and forget'})"


def _job_of_current_task(loop: asyncio.AbstractEventLoop) -> Job | None:
    """The job that started the asyncio task which the loop runs now."""
    try:
        task = asyncio.current_task(loop)
        context = getattr(task, "get_context", lambda: None)()
        attempt = context.get(running) if context is not None else None
    except Exception:  # noqa: BLE001  # the loop may change under this look from another thread
        return None
    return attempt if isinstance(attempt, Job) else None

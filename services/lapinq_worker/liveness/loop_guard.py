"""Notices that the event loop is stuck, and ends it.

A coroutine that blocks (`time.sleep`, a long computation, C code) keeps the loop from everything, also from cancelling
it at its time limit. A thread sees that the loop does not turn, and whose code has it. When that job's time limit and
the grace time are over, or somebody asked to stop it and the grace time for that is over, the fence is put up
(`fence`): over a connection of the thread's own what this worker knows is written, what it holds is handed back, and it
signs off. Then the program is begun anew in place (`recycle`), which is the only way to end code that blocks.

In a process of somebody else's (`recycle` is None) the worker begins anew when the loop turns again. Until then the
loop is theirs to wait for; what is still written from it then is refused, for others hold the tasks.

Whose code has the loop is known for coroutines that the pool steps, and for the tasks they start where Python tells
(from 3.12). Where it is not known the fence waits until all coroutines that run are past their limits; a loop that is
stuck with none running, or where none is limited, is ended after `stuck_after` seconds. Code that keeps even threads
from running is the watchdog's.
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
from lapinq_worker.liveness.canceller import REASON
from lapinq_worker.liveness.stacks import is_debugged, stack_of
from lapinq_worker.liveness.watchdog import Watchdog
from lapinq_worker.running.job import Job
from lapinq_worker.running.limits import Limits, limits_of

LOOK_SECONDS = 0.2
STILL_SECONDS = 0.75  # longer than the loop takes between two turns that it tells of
PAUSED_SECONDS = 2.0
RETRY_SECONDS = 1.0
FENCE_SECONDS = 60.0  # more than putting up the fence takes at the most
MAX_STUCK_SECONDS = 3600.0

log = logging.getLogger(__name__)


class Stepping(Protocol):
    """The pool of coroutines, as far as this needs it."""

    stepped: Job | None

    def held(self) -> list[tuple[Job, Outcome, float]]:
        """What runs."""
        ...


Fence = Callable[[Mapping[Job, Outcome], Callable[[], bool]], bool]
"""Ends the jobs named and hands back the rest, unless the loop turns before; answers whether it did."""


class LoopGuard:
    """Of the running event loop; `loop_turned` is to be called from it twice a second."""

    def __init__(
        self,
        pool: Stepping,
        limits: Limits,
        *,
        name: str,
        stuck_after: float,
        fence: Fence,
        recycle: Callable[[], None] | None,
        watchdog: Watchdog | None = None,
    ) -> None:
        """`name` is the worker's. `recycle`, called in the guard's thread, does not return."""
        self._pool = pool
        self._limits = limits
        self._name = name
        self._stuck_after = stuck_after
        self._fence = fence
        self._recycle = recycle
        self._watchdog = watchdog
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._turns = 0
        self._asked: dict[tuple[str, str], float] = {}  # requests that the loop has not seen, and since when
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lapinq loop guard", daemon=True)

    def start(self) -> None:
        """Begins to watch."""
        if self._watchdog is not None:
            self._watchdog.feed()
        self._thread.start()

    def stop(self) -> None:
        """Ends, without waiting for the thread."""
        self._stop.set()
        if self._watchdog is not None:
            self._watchdog.stop()

    def loop_turned(self) -> None:
        """The event loop is alive."""
        self._turns += 1
        if self._asked:
            self._asked.clear()

    def asked_to_stop(self, task_id: str, token: str) -> None:
        """Somebody wants that claim stopped; from any thread, and as often as it is told."""
        self._asked.setdefault((task_id, token), time.perf_counter())

    def _watch(self) -> None:
        seen = (self._pool.stepped, self._turns)
        since = looked = time.perf_counter()
        while not self._stop.wait(LOOK_SECONDS):
            if self._watchdog is not None:
                self._watchdog.feed()
            before, looked = looked, time.perf_counter()
            now_seen = (self._pool.stepped, self._turns)
            if now_seen != seen or looked - before > PAUSED_SECONDS:
                # Something goes on; or the whole process was paused, and the loop shall have its time to wake up.
                seen, since = now_seen, looked
            elif looked - since > STILL_SECONDS:
                try:
                    ends = self._overdue(since, looked)
                except (
                    Exception
                ):  # a loop's turn: without the guard the watchdog would take a healthy process for stuck
                    log.exception("the guard of the event loop failed")
                    continue
                if ends is not None:
                    since = looked if self._end(ends, looked - since, seen[1]) else since
                    self._stop.wait(RETRY_SECONDS)
                    looked = time.perf_counter()

    def _overdue(self, since: float, now: float) -> dict[Job, Outcome] | None:
        """Whom the stuck loop is to be blamed on and what they end as; None while it is not to be ended."""
        held = {job: outcome for job, outcome, _ in self._pool.held()}
        job = self._pool.stepped or _job_of_current_task(self._loop)
        suspects = list(held) if job is None else [job]
        ends = dict[Job, Outcome]()
        for suspect in suspects:
            limit = self._limits.time_limit_of(suspect.claim)
            # What a job left behind on the loop counts from when it got the loop.
            due = (suspect.started if suspect in held else since) + limit + self._limits.time_limit_grace
            asked_at = self._asked.get((suspect.claim.id, suspect.claim.token))
            if asked_at is not None and asked_at + self._limits.cancel_grace <= now:
                ends[suspect] = Cancelled(REASON)
            elif due <= now:
                ordered = held.get(suspect)
                ends[suspect] = ordered if isinstance(ordered, Cancelled) else TimedOut(limit)
        if suspects and len(ends) == len(suspects):
            return ends
        if now - since > self._stuck_after:
            # By now the heartbeat has given up too, so others have them.
            return {suspect: WorkerLost(self._name, is_suspect=True) for suspect in suspects}
        return None

    def _end(self, ends: Mapping[Job, Outcome], seconds: float, turns: int) -> bool:
        if is_debugged(self._loop_thread):
            return True
        log.error(
            "the event loop has been held up for %.3g s by %s; handing back everything else. It is at:\n%s",
            seconds,
            ", ".join(map(_describe, ends)) or "something unknown",
            stack_of(self._loop_thread),
        )
        if self._watchdog is not None:
            self._watchdog.allow(FENCE_SECONDS)
        try:
            if not self._fence(ends, lambda: self._turns == turns and not self._stop.is_set()):
                log.warning("the event loop turns again")
                return True
        except Exception as error:  # noqa: BLE001  # a loop's turn: tried again while the loop is stuck
            log.warning("could not hand back the tasks yet: %s", str(error).strip() or type(error).__name__)
            return False
        if self._recycle is not None:
            self._recycle()
        while self._turns == turns and not self._stop.wait(LOOK_SECONDS):
            pass
        return True


def guard_of(
    settings: Settings, name: str, pool: Stepping, fence: Fence, recycle: Callable[[], None] | None
) -> LoopGuard:
    """The guard of the running loop, and the watchdog where the process is ours to end."""
    limit, lease = settings.worker_timeout, settings.lease_seconds
    # A process that was paused for three leases must be able to go on.
    watchdog = None if recycle is None else Watchdog(min(limit, MAX_STUCK_SECONDS) + 4 * lease)
    return LoopGuard(
        pool,
        limits_of(settings),
        name=name,
        stuck_after=limit + lease,
        fence=fence,
        recycle=recycle,
        watchdog=watchdog,
    )


def _describe(job: Job) -> str:
    return f"{job.module_path}.{job.task_name} (task {job.id or 'fire and forget'})"


def _job_of_current_task(loop: asyncio.AbstractEventLoop) -> Job | None:
    """The job that the task which the loop runs now came from."""
    try:
        task = asyncio.current_task(loop)
        context = getattr(task, "get_context", lambda: None)()
        attempt = context.get(running) if context is not None else None
    except Exception:  # noqa: BLE001  # the loop may change under this look from another thread
        return None
    return attempt if isinstance(attempt, Job) else None

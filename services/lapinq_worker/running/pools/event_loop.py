"""Runs coroutines on the worker's event loop, in a fixed number of slots.

A slot is one asyncio task that awaits one coroutine after the other. A new task for each would cost several
microseconds more. Each coroutine still gets its own context, so that context variables do not leak into the next.

At a time limit, a cancel request or a stop, the slot's task is cancelled. A coroutine that swallows the cancellation is
closed after the grace period: its outcome is settled without it, and a new slot replaces its slot. A slot is also
replaced if its task still carries a cancellation when the coroutine has ended, because the next coroutine must not get
that.

An abandoned coroutine runs no further, because only its slot steps it. What it started on the loop (tasks, callbacks,
the end of an asynchronous generator that it did not exhaust) belongs to asyncio and goes on. A coroutine that blocks
the loop can't be cancelled from here: see `blocked_loop`.
"""

import asyncio
import contextlib
import contextvars
import functools
import logging
import time
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, cast

from lapinq_core.domain.tasks.context import running
from lapinq_core.domain.tasks.diagnostics.task_lines import log_start
from lapinq_core.domain.tasks.outcome import Interrupted, Outcome, Raised, TimedOut, WorkerLost
from lapinq_core.runtime.threads import any_thread
from lapinq_worker.running.dispatcher import Dispatcher
from lapinq_worker.running.job import Job
from lapinq_worker.running.outcomes import raised, returned
from lapinq_worker.running.pools.verdict import verdict
from lapinq_worker.running.time_limits import Limits
from lapinq_worker.running.unsettled import Unsettled

INTERRUPT_GRACE_SECONDS = 2.0
MAX_BURST_SECONDS = 0.01
# A limit and the grace time after it are each noticed at most the longer one late: 0.4 s together.
SWEEP_SECONDS = (0.02, 0.2)
_EMPTY = len("[]")

log = logging.getLogger(__name__)


class _Slot:
    __slots__ = ("abandon_at", "abandoned", "context", "coroutine", "job", "stop_outcome", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.context: contextvars.Context | None = None
        self.stop_outcome: Outcome | None = None  # what its job ends as, once we have cancelled it
        self.abandon_at = 0.0  # when it is abandoned if it has not ended by then
        self.abandoned = False


class EventLoopPool:
    """A pool of `slots` slots.

    `current` is the job whose code has the event loop at this moment; any thread may read it.
    `abandoned_count` is how many coroutines refused to end.
    """

    def __init__(self, dispatcher: Dispatcher, slots: int, limits: Limits) -> None:
        self.current: Job | None = None
        self.abandoned_count = 0
        self._dispatcher = dispatcher
        self._limits = limits
        self._slots = {_Slot() for _ in range(slots)}
        self._ending = False

    async def run(self) -> None:
        """Runs the slots until cancelled. Coroutines that still run are cancelled and not settled."""
        shortest, pause = SWEEP_SECONDS
        try:
            for slot in self._slots:
                self._start(slot)
            while True:
                await asyncio.sleep(max(shortest, pause))
                pause = self._check_slots()
        finally:
            self._ending = True
            tasks = [slot.task for slot in self._slots if slot.task]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=INTERRUPT_GRACE_SECONDS)
            for slot in self._slots:
                self._abandon(slot)

    def interrupt(self, outcome: Outcome) -> None:
        """Cancels all running jobs. They end as `outcome`."""
        self._interrupt(outcome)
        # A job may be in transit to a slot that has not woken yet.
        asyncio.get_running_loop().call_soon(self._interrupt, outcome)

    def cancel(self, task_id: str, token: str, outcome: Outcome) -> bool:
        """Cancels the coroutine of that claim, which ends as `outcome`. False if it does not run here."""
        if self._cancel(task_id, token, outcome):
            return True
        asyncio.get_running_loop().call_soon(self._cancel, task_id, token, outcome)
        return False

    @any_thread
    def unsettled(self) -> list[Unsettled]:
        """The coroutines that run."""
        now = time.perf_counter()
        return [
            Unsettled(job, slot.stop_outcome or Interrupted(), now - job.started)
            for slot in list(self._slots)
            if (job := slot.job) is not None and not slot.abandoned
        ]

    @any_thread
    def halt(self) -> list[Unsettled]:
        """The same: only what blocks the loop runs, and nothing can stop that."""
        return self.unsettled()

    def _interrupt(self, outcome: Outcome) -> None:
        is_lost = isinstance(outcome, WorkerLost)
        for slot in self._slots:
            if slot.job is not None:
                slot.job.is_lost |= is_lost
                if slot.stop_outcome is None:
                    self._request_stop(slot, outcome, INTERRUPT_GRACE_SECONDS)
                slot.abandon_at = min(slot.abandon_at, time.perf_counter() + INTERRUPT_GRACE_SECONDS)

    def _cancel(self, task_id: str, token: str, outcome: Outcome) -> bool:
        for slot in self._slots:
            job = slot.job
            if job is not None and job.claim.id == task_id and job.claim.token == token:
                if not job.is_cancelled:
                    job.is_cancelled = True
                    self._request_stop(slot, outcome, self._limits.cancel_grace)
                return True
        return False

    def _start(self, slot: _Slot) -> None:
        slot.task = asyncio.create_task(self._serve(slot), name="lapinq slot")
        slot.task.add_done_callback(functools.partial(self._slot_ended, slot))

    def _slot_ended(self, slot: _Slot, task: asyncio.Task[None]) -> None:
        if self._ending or slot.abandoned:
            return
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a slot for coroutines failed; another replaces it", exc_info=error)
        self._start(slot)

    async def _serve(self, slot: _Slot) -> None:
        await self._run_jobs(slot)

    @types.coroutine
    def _run_jobs(self, slot: _Slot) -> Generator[Any, Any, None]:
        """Runs one job after the other.

        It and `_run` are generators, because an `await` for each job would cost every task.
        """
        dispatcher = self._dispatcher
        task = asyncio.current_task()
        assert task is not None
        # If nothing lies between, the end of one is the start of the next: reading the clock is expensive here.
        now = time.perf_counter()
        burst_end = now + MAX_BURST_SECONDS
        while True:
            job: Job | None = dispatcher.take()
            if job is None:
                job = cast("Job", (yield from dispatcher.next()))
                now = time.perf_counter()
                burst_end = now + MAX_BURST_SECONDS
            job.started = now
            dispatcher.starts.append(job.claim)
            slot.job = self.current = job
            if job.target.log is not None:
                log_start(job.target.log, job.claim)
            outcome = yield from self._run(slot, job)
            slot.job = self.current = None
            if outcome is None:
                return
            if slot.stop_outcome is not None or job.is_committed or job.calls is not None:
                outcome = verdict(job, outcome, slot.stop_outcome)
                slot.stop_outcome = None
            started, now = now, time.perf_counter()
            dispatcher.ended(job, outcome, now - started)
            dispatcher.job_done()
            if task.cancelling():
                return
            if now > burst_end:
                # Coroutines that never wait must not keep others from the loop.
                yield from asyncio.sleep(0)
                now = time.perf_counter()
                burst_end = now + MAX_BURST_SECONDS

    def _run(self, slot: _Slot, job: Job) -> Generator[Any, Any, Outcome | None]:
        """Runs one job, all steps of its coroutine in one copy of the current context. None if it was abandoned."""
        try:
            coroutine = _call(job)
        except BaseException as error:  # noqa: BLE001  # user code
            return self._raised(job, error)
        slot.coroutine = coroutine
        slot.context = context = contextvars.copy_context()
        context.run(running.set, job)
        step: Callable[[Any], Any] = coroutine.send
        argument: Any = None
        try:
            while True:
                waited_for = context.run(step, argument)
                self.current = None
                try:
                    argument = yield waited_for
                    step = coroutine.send
                except BaseException as error:  # noqa: BLE001  # anything may be thrown into the slot's task
                    if slot.abandoned or isinstance(error, GeneratorExit):
                        self._abandon(slot)
                        return None
                    # Throw it into the coroutine, where it belongs.
                    step, argument = coroutine.throw, error
                self.current = job
        except StopIteration as stop:
            outcome = returned(stop.value, self._limits.max_result_size)
        except BaseException as error:  # noqa: BLE001  # user code
            outcome = self._raised(job, error)
        return None if slot.abandoned else outcome

    def _raised(self, job: Job, error: BaseException) -> Outcome:
        if not isinstance(error, asyncio.CancelledError):
            return raised(error, job.target.handling, job.target.function)
        if self._ending:
            self.current = None
            raise error
        return Raised("CancelledError: the coroutine was cancelled from inside")

    def _check_slots(self) -> float:
        """Returns in how many seconds to check again."""
        now = time.perf_counter()
        next_look = now + SWEEP_SECONDS[1]
        for slot in list(self._slots):
            if (job := slot.job) is None:
                continue
            if slot.stop_outcome is None:
                limit = self._limits.time_limit_of(job.claim)
                due = job.started + limit
                if due <= now:
                    self._request_stop(slot, TimedOut(limit), self._limits.time_limit_grace)
                    due = slot.abandon_at
            else:
                due = slot.abandon_at
                if due <= now:
                    self._abandon_job(slot, job, slot.stop_outcome, now)
                    continue
            next_look = min(next_look, due)
        return next_look - now

    def _request_stop(self, slot: _Slot, outcome: Outcome, grace: float) -> None:
        """Cancels the job, perhaps again for another reason. That never extends the time it was given before."""
        assert slot.task is not None
        assert slot.job is not None
        now = time.perf_counter()
        if slot.stop_outcome is None:
            limit_at = slot.job.started + self._limits.time_limit_of(slot.job.claim)
            slot.abandon_at = max(now, limit_at) + self._limits.time_limit_grace
        slot.abandon_at = min(slot.abandon_at, now + grace)
        slot.stop_outcome = outcome
        slot.task.cancel()

    def _abandon_job(self, slot: _Slot, job: Job, outcome: Outcome, now: float) -> None:
        self.abandoned_count += 1
        log.warning("task %s ignored its cancellation and is abandoned", job.claim.id)
        self._abandon(slot)
        self._slots.discard(slot)
        fresh = _Slot()
        self._slots.add(fresh)
        self._start(fresh)
        self._dispatcher.ended(job, outcome, now - job.started)
        self._dispatcher.slot_freed()

    def _abandon(self, slot: _Slot) -> None:
        slot.abandoned = True
        if slot.coroutine is not None and slot.context is not None:
            # Raises GeneratorExit where it waits; it can refuse that only by waiting again.
            self.current = slot.job
            with contextlib.suppress(BaseException):
                slot.context.run(slot.coroutine.close)
            self.current = None
        if slot.task is not None:
            slot.task.cancel()


def _call(job: Job) -> Coroutine[Any, Any, Any]:
    """Calls the job's function."""
    target, claim = job.target, job.claim
    if len(claim.args) == len(claim.kwargs) == _EMPTY:
        awaitable = target.function()
    else:
        args, kwargs = target.decode(*job.arguments())
        awaitable = target.function(*args, **kwargs)
    # A function that is marked as a coroutine function may return any awaitable.
    return awaitable if awaitable.__class__ is types.CoroutineType else _as_coroutine(awaitable)


async def _as_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable

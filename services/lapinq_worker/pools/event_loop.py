"""Runs coroutines on the worker's event loop, in a fixed number of slots.

A slot is one asyncio task that awaits one coroutine after the other; starting a task for each would cost several
microseconds more. Each coroutine still gets a context of its own, so that context variables do not leak into the next.

Time limit and stop: the slot's task is cancelled. A coroutine that swallows the cancellation is left behind after a
grace time: its outcome is settled without it, what it returns later is dropped, and a new slot takes its place.
"""

import asyncio
import contextlib
import contextvars
import time
import types
from collections.abc import Coroutine, Generator
from typing import Any

from lapinq_core.domain.outcome import Interrupted, Outcome, Raised, TimedOut
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.job import Job, decode_arguments
from lapinq_worker.outcomes import raised, returned

CANCEL_GRACE_SECONDS = 2.0
MAX_BURST_SECONDS = 0.01


class _Slot:
    __slots__ = ("abandoned", "cancelled_at", "job", "outcome", "started", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.started = 0.0
        self.outcome: Outcome | None = None  # what a cancellation that we ordered is to be settled as
        self.cancelled_at = 0.0
        self.abandoned = False


class EventLoopPool:
    """`limit` slots; `time_limit` in seconds a coroutine."""

    def __init__(self, dispatcher: Dispatcher, limit: int, time_limit: float) -> None:
        self._dispatcher = dispatcher
        self._time_limit = time_limit
        self._slots = {_Slot() for _ in range(limit)}

    async def run(self) -> None:
        """Runs the slots until cancelled; the coroutines in them are cancelled with it."""
        try:
            for slot in self._slots:
                self._start(slot)
            while True:
                await asyncio.sleep(max(0.02, min(self._time_limit / 20, 0.5)))
                self._look_after_slots()
        finally:
            tasks = [slot.task for slot in self._slots if slot.task]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_GRACE_SECONDS)

    def interrupt(self) -> None:
        """Stops what runs; each running job ends as `Interrupted`."""
        for slot in self._slots:
            if slot.job is not None and slot.outcome is None:
                self._cancel(slot, Interrupted())

    def _start(self, slot: _Slot) -> None:
        slot.task = asyncio.create_task(self._serve(slot), name="lapinq slot")

    async def _serve(self, slot: _Slot) -> None:
        dispatcher = self._dispatcher
        burst_end = time.perf_counter() + MAX_BURST_SECONDS
        while True:
            job = dispatcher.take()
            if job is None:
                job = await dispatcher.next()
                burst_end = time.perf_counter() + MAX_BURST_SECONDS
            slot.started = started = time.perf_counter()
            slot.job = job
            try:
                args, kwargs = decode_arguments(job.claim.args, job.claim.kwargs)
                value = await _in_own_context(job.target.function(*args, **kwargs))
                outcome = returned(value)
            except asyncio.CancelledError:
                outcome = self._outcome_of_cancellation(slot)
            except BaseException as error:  # noqa: BLE001  # user code
                outcome = raised(error)
            if slot.abandoned:
                return
            slot.job = None
            slot.outcome = None
            now = time.perf_counter()
            dispatcher.ended(job, outcome, now - started)
            dispatcher.took_leave()
            if now > burst_end:
                # Coroutines that never wait must not keep everybody else from the loop.
                await asyncio.sleep(0)
                burst_end = time.perf_counter() + MAX_BURST_SECONDS

    def _outcome_of_cancellation(self, slot: _Slot) -> Outcome:
        task = asyncio.current_task()
        assert task is not None
        if slot.outcome is None and task.cancelling():
            raise asyncio.CancelledError  # the pool itself is being stopped
        while task.uncancel():
            pass
        return slot.outcome or Raised("CancelledError: the coroutine was cancelled from inside")

    def _look_after_slots(self) -> None:
        now = time.perf_counter()
        for slot in list(self._slots):
            if slot.job is None:
                continue
            if slot.outcome is None:
                if now - slot.started > self._time_limit:
                    self._cancel(slot, TimedOut(self._time_limit))
            elif now - slot.cancelled_at > CANCEL_GRACE_SECONDS:
                self._leave_behind(slot, slot.job, slot.outcome, now)

    def _cancel(self, slot: _Slot, outcome: Outcome) -> None:
        assert slot.task is not None
        slot.outcome = outcome
        slot.cancelled_at = time.perf_counter()
        slot.task.cancel()

    def _leave_behind(self, slot: _Slot, job: Job, outcome: Outcome, now: float) -> None:
        slot.abandoned = True
        self._slots.discard(slot)
        fresh = _Slot()
        self._slots.add(fresh)
        self._start(fresh)
        self._dispatcher.ended(job, outcome, now - slot.started)
        self._dispatcher.freed()


@types.coroutine
def _in_own_context(coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Awaits `coroutine`, each step of it in one copy of the current context."""
    context = contextvars.copy_context()
    step, argument = coroutine.send, None
    try:
        while True:
            try:
                waited_for = context.run(step, argument)
            except StopIteration as stop:
                return stop.value
            try:
                argument = yield waited_for
                step = coroutine.send
            except BaseException as error:  # noqa: BLE001  # handed on to the coroutine, where it belongs
                step, argument = coroutine.throw, error
    finally:
        with contextlib.suppress(RuntimeError):
            coroutine.close()

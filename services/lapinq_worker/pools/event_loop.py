"""Runs coroutines on the worker's event loop, in a fixed number of slots.

A slot is one asyncio task that awaits one coroutine after the other; starting a task for each would cost several
microseconds more. Each coroutine still gets a context of its own, so that context variables do not leak into the next.

Time limit and stop: the slot's task is cancelled. A coroutine that swallows the cancellation is closed after a grace
time: its outcome is settled without it, and a new slot takes its place. So does one for a task that still carries a
cancellation, from whomever, when its coroutine has ended: the next coroutine must not get it.
"""

import asyncio
import contextlib
import contextvars
import functools
import logging
import time
import types
from collections.abc import Awaitable, Coroutine, Generator
from typing import Any

from lapinq_core.domain.outcome import Outcome, Raised, TimedOut
from lapinq_worker.dispatcher import Dispatcher
from lapinq_worker.job import Job, decode_arguments
from lapinq_worker.outcomes import raised, returned

CANCEL_GRACE_SECONDS = 2.0
MAX_BURST_SECONDS = 0.01

log = logging.getLogger(__name__)


class _Slot:
    __slots__ = ("abandoned", "cancelled_at", "context", "coroutine", "job", "outcome", "started", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.job: Job | None = None
        self.coroutine: Coroutine[Any, Any, Any] | None = None
        self.context: contextvars.Context | None = None
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
        self._ending = False

    async def run(self) -> None:
        """Runs the slots until cancelled; the coroutines in them are cancelled with it, and not settled."""
        try:
            for slot in self._slots:
                self._start(slot)
            while True:
                await asyncio.sleep(max(0.02, min(self._time_limit / 20, 0.5)))
                self._look_after_slots()
        finally:
            self._ending = True
            tasks = [slot.task for slot in self._slots if slot.task]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CANCEL_GRACE_SECONDS)
            for slot in self._slots:
                _abandon(slot)

    def interrupt(self, outcome: Outcome) -> None:
        """Stops what runs; each running job ends as `outcome`."""
        self._interrupt(outcome)
        # A job may be on its way to a slot that has not woken yet.
        asyncio.get_running_loop().call_soon(self._interrupt, outcome)

    def _interrupt(self, outcome: Outcome) -> None:
        for slot in self._slots:
            if slot.job is not None and slot.outcome is None:
                self._cancel(slot, outcome)

    def _start(self, slot: _Slot) -> None:
        slot.task = asyncio.create_task(self._serve(slot), name="lapinq slot")
        slot.task.add_done_callback(functools.partial(self._slot_ended, slot))

    def _slot_ended(self, slot: _Slot, task: asyncio.Task[None]) -> None:
        if self._ending or slot.abandoned:
            return
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a slot for coroutines broke; another takes its place", exc_info=error)
        self._start(slot)

    async def _serve(self, slot: _Slot) -> None:
        dispatcher = self._dispatcher
        task = asyncio.current_task()
        assert task is not None
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
                outcome = returned(await _in_own_context(job.target.function(*args, **kwargs), slot))
            except asyncio.CancelledError:
                if self._ending:
                    raise
                outcome = slot.outcome or Raised("CancelledError: the coroutine was cancelled from inside")
            except BaseException as error:  # noqa: BLE001  # user code
                # What it makes of a cancellation that we ordered is still that.
                outcome = slot.outcome or raised(error)
            if slot.abandoned:
                return
            slot.job = None
            slot.outcome = None
            now = time.perf_counter()
            dispatcher.ended(job, outcome, now - started)
            dispatcher.took_leave()
            if task.cancelling():
                return
            if now > burst_end:
                # Coroutines that never wait must not keep everybody else from the loop.
                await asyncio.sleep(0)
                burst_end = time.perf_counter() + MAX_BURST_SECONDS

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
        _abandon(slot)
        self._slots.discard(slot)
        fresh = _Slot()
        self._slots.add(fresh)
        self._start(fresh)
        self._dispatcher.ended(job, outcome, now - slot.started)
        self._dispatcher.freed()


@types.coroutine
def _in_own_context(coroutine: Coroutine[Any, Any, Any], slot: _Slot) -> Generator[Any, Any, Any]:
    """Awaits it, each step in one copy of the current context."""
    if coroutine.__class__ is not types.CoroutineType:
        # What is marked as a coroutine function may give any awaitable.
        coroutine = _as_coroutine(coroutine)
    slot.coroutine = coroutine
    slot.context = context = contextvars.copy_context()
    step, argument = coroutine.send, None
    while True:
        try:
            waited_for = context.run(step, argument)
        except StopIteration as stop:
            return stop.value
        try:
            argument = yield waited_for
            step = coroutine.send
        except BaseException as error:
            if slot.abandoned or isinstance(error, GeneratorExit):
                _close_coroutine(slot)
                raise
            # Handed on to the coroutine, where it belongs.
            step, argument = coroutine.throw, error


async def _as_coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _abandon(slot: _Slot) -> None:
    slot.abandoned = True
    _close_coroutine(slot)
    if slot.task is not None:
        slot.task.cancel()


def _close_coroutine(slot: _Slot) -> None:
    # Raises GeneratorExit where it waits; it can refuse that only by waiting again.
    if slot.coroutine is not None and slot.context is not None:
        with contextlib.suppress(BaseException):
            slot.context.run(slot.coroutine.close)

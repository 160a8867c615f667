"""One life cycle for what runs beside other things on an event loop, and the one way to repeat something there."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

log = logging.getLogger(__name__)

INITIAL_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 3.0
REST_FACTOR = 50.0
"""A turn that may take long, over dead rows or on a slow disk, is followed by a rest this many times as long."""
MAX_REST_SECONDS = 60.0
DEADLINE_SECONDS = 60.0

Expected = Callable[[Exception], bool]
"""Whether a failure is one that passes, such as an outage of the database."""


class Service:
    """Runs a coroutine beside others: `start` it, `stop` it, `wait` for it. It starts once.

    Stopping it twice does no harm: what it does at its end goes on. If it is stopped before it has started, it never
    does.
    """

    def __init__(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.name = name
        self._run = run
        self._is_stopped = False
        self._task: asyncio.Task[None] | None = None

    def start(self, on_ended: Callable[[], None] = lambda: None) -> None:
        """Returns at once. `on_ended` is called when it ends, for whatever reason."""
        if self._is_stopped:
            return
        self._task = asyncio.create_task(self._run(), name=self.name)
        self._task.add_done_callback(lambda _: on_ended())

    def stop(self) -> None:
        """Ends it where it waits. Returns at once."""
        if self._task is not None and not self._is_stopped:
            self._task.cancel()
        self._is_stopped = True

    async def wait(self) -> None:
        """Returns once it has ended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    @property
    def error(self) -> BaseException | None:
        """What it failed with."""
        if self._task is None or not self._task.done() or self._task.cancelled():
            return None
        return self._task.exception()


async def stop_all(services: Sequence[Service], seconds: float | None = None) -> None:
    """Stops them together. Returns once all have ended, or after `seconds`."""
    for service in services:
        service.stop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            for service in services:
                await service.wait()


class Loop(Service):
    """Calls `turn` until `until` is set, whatever a turn raises. A turn under way may end then; `stop` cuts it off.

    A turn returns how many seconds to wait for the next one, and gets `deadline` seconds (None: no limit). After a
    failure the pause grows from 0.2 to 3 s. `expected` failures are logged in one line, others with a traceback the
    first time in a row. `observe` gets the seconds that each turn took and the pause that follows; None if the turn
    failed. `wake` ends a pause once `floor` seconds of it are over, but not one after a failure. The loop clears it
    before each turn.
    """

    def __init__(
        self,
        name: str,
        turn: Callable[[], Awaitable[float]],
        *,
        until: asyncio.Event | None = None,
        wake: asyncio.Event | None = None,
        floor: float = 0.0,
        deadline: float | None = DEADLINE_SECONDS,
        expected: Expected = lambda _: False,
        observe: Callable[[float, float | None], None] = lambda _seconds, _pause: None,
    ) -> None:
        super().__init__(name, self.run)
        self._turn = turn
        self._until = until or asyncio.Event()
        self._wake = wake
        self._floor = floor
        self._deadline = deadline
        self._expected = expected
        self._observe = observe

    async def run(self) -> None:
        """Repeats, in the caller's task."""
        if self._wake is None:
            await self._repeat()
            return
        # A pause waits for one event: a wait for two needs two tasks, and more turns of the loop after a wake-up.
        waking = asyncio.create_task(_set_after(self._until, self._wake), name=f"{self.name}: stop")
        try:
            await self._repeat()
        finally:
            waking.cancel()

    async def _repeat(self) -> None:
        until, wake = self._until, self._wake
        backoff = _Backoff(self.name, self._expected)
        while not until.is_set():
            if wake is not None:
                wake.clear()
            began = time.perf_counter()
            try:
                async with asyncio.timeout(self._deadline):
                    pause = await self._turn()
            except Exception as error:  # noqa: BLE001  # a loop's turn: the loop must continue
                self._observe(time.perf_counter() - began, None)
                await pause_for(backoff.failed(error), until)
                continue
            backoff.reset()
            self._observe(time.perf_counter() - began, pause)
            if wake is not None:
                least = min(pause, self._floor)
                if least > 0:
                    await pause_for(least, until)
                    pause -= least
            if pause > 0:
                await pause_for(pause, wake or until)
            else:
                await asyncio.sleep(0)


async def succeed(
    name: str,
    call: Callable[[], Awaitable[object]],
    *,
    until: asyncio.Event | None = None,
    expected: Expected = lambda _: False,
) -> None:
    """Calls `call` until it succeeds or `until` is set, with the pauses and the log of a `Loop` that fails."""
    until = until or asyncio.Event()
    backoff = _Backoff(name, expected)
    while not until.is_set():
        try:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await call()
        except Exception as error:  # noqa: BLE001  # as a loop's turn
            await pause_for(backoff.failed(error), until)
        else:
            return


async def pause_for(seconds: float, *events: asyncio.Event) -> None:
    """Waits for `seconds`, or until one of `events` is set."""
    if any(event.is_set() for event in events):
        return
    if seconds <= 0:
        await asyncio.sleep(0)
        return
    if len(events) == 1:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await events[0].wait()
        return
    waiters = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waiters, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for waiter in waiters:
            waiter.cancel()


class _Backoff:
    """Failures in a row."""

    def __init__(self, name: str, expected: Expected) -> None:
        self._name = name
        self._expected = expected
        self.reset()

    def reset(self) -> None:
        self._pause, self._last_reason = INITIAL_BACKOFF_SECONDS, ""

    def failed(self, error: Exception) -> float:
        """Logs `error`. Returns the seconds to wait."""
        pause, self._pause = self._pause, min(self._pause * 2, MAX_BACKOFF_SECONDS)
        reason = f"{type(error).__name__}: {error}"
        if self._expected(error) or reason == self._last_reason:
            log.warning("%s: %s; trying again in %.1f s", self._name, reason, pause)
        else:
            log.error("%s failed; trying again in %.1f s", self._name, pause, exc_info=error)
            self._last_reason = reason
        return pause


async def _set_after(first: asyncio.Event, then: asyncio.Event) -> None:
    await first.wait()
    then.set()

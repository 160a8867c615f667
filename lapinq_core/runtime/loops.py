"""The one way to repeat something: a turn, a pause, until told to stop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable

from lapinq_core.domain.errors import LapinqError

log = logging.getLogger(__name__)

INITIAL_BACKOFF_SECONDS = 0.2
MAX_BACKOFF_SECONDS = 3.0
REST_FACTOR = 50.0
"""A turn that may take long, over dead rows or on a slow disk, is followed by a rest this many times as long."""
MAX_REST_SECONDS = 60.0


class StopLoop(LapinqError):
    """A turn raises this to be the last one."""


async def run_every(
    name: str,
    turn: Callable[[], Awaitable[float | None]],
    *,
    interval: float,
    stop: asyncio.Event,
    deadline: float = 60.0,
    expected: Callable[[BaseException], bool] = lambda _: False,
    observe: Callable[[float, float | None], None] = lambda _seconds, _pause: None,
    wake: asyncio.Event | None = None,
    rest: float = 0.0,
    floor: float | Callable[[], float] = 0.0,
    hurry: asyncio.Event | None = None,
) -> None:
    """Calls `turn` until `stop` is set, whatever a turn raises.

    A turn returns how many seconds to pause, None for `interval`. It gets `deadline` seconds. After a failure the pause
    grows from 0.2 to 3 s. `expected` failures are logged in one line, others with a traceback the first time in a row.
    `observe` gets the seconds that each turn took and the pause that follows; None if the turn failed.
    `wake` ends a pause once `floor` seconds of it are over, but not one after a failure. It is cleared before each
    turn. `hurry` ends those seconds; the turn clears it.

    A turn that took long is followed by a pause of `rest` times as long, up to a minute: a scan over dead rows, which
    finds nothing, then uses little of the database. A turn that returned 0, because there is more to do, is not.
    """
    backoff, last_reason = INITIAL_BACKOFF_SECONDS, ""
    while not stop.is_set():
        wakers = [stop]
        if wake is not None:
            wakers.append(wake)
            wake.clear()
        began = time.perf_counter()
        try:
            async with asyncio.timeout(deadline):
                pause = await turn()
        except StopLoop:
            return
        except Exception as error:  # a loop's turn: the loop must continue
            observe(time.perf_counter() - began, None)
            reason = f"{type(error).__name__}: {error}"
            if expected(error) or reason == last_reason:
                log.warning("%s: %s; trying again in %.1f s", name, reason, backoff)
            else:
                log.exception("%s failed; trying again in %.1f s", name, backoff)
                last_reason = reason
            pause, backoff = backoff, min(backoff * 2, MAX_BACKOFF_SECONDS)
            wakers = [stop]
        else:
            took = time.perf_counter() - began
            pause = interval if pause is None else pause
            if pause > 0:
                pause = max(pause, min(rest * took, MAX_REST_SECONDS))
            observe(took, pause)
            backoff, last_reason = INITIAL_BACKOFF_SECONDS, ""
        least = min(pause, floor() if callable(floor) else floor)
        if least > 0 and len(wakers) > 1:
            await pause_for(least, *([stop] if hurry is None else [stop, hurry]))
            pause -= least
        await pause_for(pause, *wakers)


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

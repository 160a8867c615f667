"""Waiting for a condition, the only way a test waits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

DEADLINE_SECONDS = 30.0
"""Long, for many tests share a machine that may be slow. Only what fails takes so long."""


def eventually(check: Callable[[], T], timeout: float = DEADLINE_SECONDS, interval: float = 0.02) -> T:
    """The first true value of `check()`; after `timeout` seconds AssertionError with the last one."""
    began = time.monotonic()
    while not (value := check()):
        waited = time.monotonic() - began
        if waited > timeout:
            raise AssertionError(f"still {value!r} after {timeout:g} s: {check}")
        time.sleep(_pause(waited, interval))
    return value


async def eventually_async(
    check: Callable[[], Awaitable[T]], timeout: float = DEADLINE_SECONDS, interval: float = 0.02
) -> T:
    """The same for a coroutine function."""
    began = time.monotonic()
    while not (value := await check()):
        waited = time.monotonic() - began
        if waited > timeout:
            raise AssertionError(f"still {value!r} after {timeout:g} s: {check}")
        await asyncio.sleep(_pause(waited, interval))
    return value


def _pause(waited: float, interval: float) -> float:
    """Longer, up to 0.1 s, the longer it took so far: many checks open a connection, and six tests wait at a time."""
    return max(interval, min(waited / 20, 0.1))

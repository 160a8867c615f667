"""Waiting for a condition, the only way a test waits."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(check: Callable[[], T], timeout: float = 10.0, interval: float = 0.02) -> T:
    """The first true value of `check()`; after `timeout` seconds AssertionError with the last one."""
    give_up = time.monotonic() + timeout
    while not (value := check()):
        if time.monotonic() > give_up:
            raise AssertionError(f"still {value!r} after {timeout:g} s: {check}")
        time.sleep(interval)
    return value


async def eventually_async(
    check: Callable[[], Awaitable[T]], timeout: float = 10.0, interval: float = 0.02
) -> T:
    """The same for a coroutine function."""
    give_up = time.monotonic() + timeout
    while not (value := await check()):
        if time.monotonic() > give_up:
            raise AssertionError(f"still {value!r} after {timeout:g} s: {check}")
        await asyncio.sleep(interval)
    return value

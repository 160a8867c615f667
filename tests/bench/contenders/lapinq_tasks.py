"""The functions that lapinq's workers run while they are measured."""

import asyncio
import time

from tests.bench.contenders import marks

_failed: set[int] = set()


async def nothing() -> None:
    """An empty coroutine."""
    marks.ran()


def nothing_plain() -> None:
    """An empty plain function."""
    marks.ran()


async def nothing_with(_payload: str) -> None:
    """An empty coroutine with an argument."""
    marks.ran()


async def fail() -> None:
    """A coroutine that always fails."""
    marks.ran()
    raise ValueError("as it should")


async def fail_once(number: int) -> None:
    """A coroutine that fails the first time that this process gets `number`."""
    marks.ran()
    if number not in _failed:
        _failed.add(number)
        raise ValueError("as it should, for now")


async def arrive(sent_ns: int) -> None:
    """A coroutine that notes how long it took to get here."""
    marks.arrived(sent_ns)


async def arrive_briefly(sent_ns: int) -> None:
    """The same, and takes 5 ms."""
    marks.arrived(sent_ns)
    await asyncio.sleep(0.005)


async def take_briefly() -> None:
    """A coroutine that takes 5 ms."""
    await asyncio.sleep(0.005)


def arrive_plain(sent_ns: int) -> None:
    """The same as a plain function."""
    marks.arrived(sent_ns)


async def now() -> float:
    """When it began, in seconds since 1970."""
    return time.time()

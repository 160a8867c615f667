"""The functions that lapinq's workers run while they are measured."""

import asyncio
import time

from tests.bench.contenders import marks

_failed: set[int] = set()


async def nothing() -> None:
    marks.ran()


def nothing_plain() -> None:
    marks.ran()


async def nothing_with(_payload: str) -> None:
    marks.ran()


async def fail() -> None:
    marks.ran()
    raise ValueError("as it should")


async def fail_once(number: int) -> None:
    """Fails the first time that this process gets `number`."""
    marks.ran()
    if number not in _failed:
        _failed.add(number)
        raise ValueError("as it should, for now")


async def arrive(sent_ns: int) -> None:
    """Notes how long it took to get here."""
    marks.arrived(sent_ns)


def arrive_plain(sent_ns: int) -> None:
    marks.arrived(sent_ns)


async def arrive_briefly(sent_ns: int) -> None:
    marks.arrived(sent_ns)
    await take_briefly()


async def take_briefly() -> None:
    await asyncio.sleep(0.005)


async def now() -> float:
    """When it began, in seconds since 1970."""
    return time.time()

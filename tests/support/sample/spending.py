"""Tasks that say what they used of named limits."""

import asyncio
from pathlib import Path

from lapinq import RateLimited, current_task


def spend(limit: str, *units: float) -> str:
    """Uses that many units; the last counts."""
    for used in units:
        current_task().spend(limit, used)
    return "spent"


async def aspend(limit: str, *units: float) -> str:
    await asyncio.sleep(0)
    return spend(limit, *units)


def spend_and_fail(limit: str, units: float) -> None:
    """Fails after that."""
    current_task().spend(limit, units)
    raise ValueError("no")


def refused_once(limit: str, after: float, path: str) -> int:
    """Finds the limit exhausted, the first time."""
    if not Path(path).exists():
        Path(path).touch()
        raise RateLimited(limit, after)
    return current_task().attempt


async def arefused_once(limit: str, after: float, path: str) -> int:
    return refused_once(limit, after, path)

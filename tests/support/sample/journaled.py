"""Tasks that write down when they start and how they end, by the clock that all processes of the machine share.

A line: seconds, what happened, the name of the task, process, number of the claim, the time of day.
"""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

from lapinq import RateLimited, current_task


def journaled(journal: str, name: str, seconds: float, conduct: dict[str, Any]) -> None:
    """Takes `seconds`, and then ends as `conduct` says.

    It may have `spends`, the units it used of each limit; `failures`, so many attempts fail; and `closes`, a limit and
    for how long each fifth claim closes it.
    """
    _append(journal, "start", name)
    time.sleep(seconds)
    _end(journal, name, conduct)


async def ajournaled(journal: str, name: str, seconds: float, conduct: dict[str, Any]) -> None:
    _append(journal, "start", name)
    await asyncio.sleep(seconds)
    _end(journal, name, conduct)


def _end(journal: str, name: str, conduct: dict[str, Any]) -> None:
    task = current_task()
    if (closes := conduct.get("closes")) and task.claim_seq % 5 == 0:
        _append(journal, "closed", name)
        raise RateLimited(closes[0], after=closes[1])
    for limit, units in conduct.get("spends", {}).items():
        task.spend(limit, units)
    if task.attempt <= conduct.get("failures", 0):
        _append(journal, "failed", name)
        raise ValueError(f"attempt {task.attempt}")
    _append(journal, "end", name)


def _append(path: str, what: str, name: str) -> None:
    with Path(path).open("ab", buffering=0) as file:
        line = f"{time.monotonic()} {what} {name} {os.getpid()} {current_task().claim_seq} {time.time()}\n"
        file.write(line.encode())

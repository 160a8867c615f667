"""What a user's image adds to the worker's: tasks, one of which needs a package of its own."""

import asyncio
import subprocess
import time
from datetime import UTC, datetime


def thumbnail(path: str, width: int = 200) -> str:
    """A plain function, which runs in a child process."""
    return f"{path}-{width}.jpg"


async def greet(name: str) -> str:
    """A coroutine function, which runs in the worker's own process."""
    await asyncio.sleep(0)
    return f"Hello, {name}"


def slow(seconds: float) -> str:
    """Takes that long."""
    time.sleep(seconds)
    return "done"


def leave_behind() -> int:
    """Starts a process that outlives the task, in a session of its own; returns its id."""
    done = subprocess.run(
        ["sh", "-c", "setsid sleep 0.5 >/dev/null & echo $!"], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def next_midnight() -> str:
    """By a package that lapinq doesn't bring."""
    from cronsim import CronSim

    return next(CronSim("0 0 * * *", datetime(2026, 1, 1, 12, tzinfo=UTC))).isoformat()

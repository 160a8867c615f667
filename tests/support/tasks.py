"""Tasks that tests enqueue. They run in worker processes, so what they did must show in their results or in files."""

import asyncio
import os
import signal
import time
from pathlib import Path

from lapinq import RetryError


def add(a: int, b: int) -> int:
    """A plain function."""
    return a + b


async def aadd(a: int, b: int) -> int:
    """A coroutine."""
    return a + b


def fail(message: str) -> None:
    """Raises."""
    raise ValueError(message)


async def afail(message: str) -> None:
    """Raises in a coroutine."""
    raise ValueError(message)


def noop() -> None:
    """Nothing."""


async def anoop() -> None:
    """Nothing, as a coroutine."""


def sleep(seconds: float) -> str:
    """Takes its time."""
    time.sleep(seconds)
    return "slept"


async def asleep(seconds: float) -> str:
    """Takes its time, as a coroutine."""
    await asyncio.sleep(seconds)
    return "slept"


def mark(directory: str, name: str, seconds: float = 0.0) -> int:
    """Leaves a file for each start, then for the end; answers the process id."""
    place = Path(directory)
    (place / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    time.sleep(seconds)
    (place / f"{name}.ended.{os.getpid()}.{time.time_ns()}").touch()
    return os.getpid()


async def amark(directory: str, name: str, seconds: float = 0.0) -> int:
    """The same as a coroutine."""
    place = Path(directory)
    (place / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    await asyncio.sleep(seconds)
    (place / f"{name}.ended.{os.getpid()}.{time.time_ns()}").touch()
    return os.getpid()


def mark_until(directory: str, name: str, gate: str) -> None:
    """Leaves a file for each start, and runs until the file `gate` exists."""
    (Path(directory) / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    wait_for(gate)


async def amark_until(directory: str, name: str, gate: str) -> None:
    """The same as a coroutine."""
    (Path(directory) / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    await await_for(gate)


def wait_for(path: str) -> str:
    """Runs until a file exists."""
    while not Path(path).exists():
        time.sleep(0.01)
    return "seen"


async def await_for(path: str) -> str:
    """The same as a coroutine."""
    while not Path(path).exists():  # noqa: ASYNC110, ASYNC240  # a file is how the test speaks to it
        await asyncio.sleep(0.01)
    return "seen"


def die() -> None:
    """Ends its process, as a segmentation fault would."""
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    """Ends its process by os._exit."""
    os._exit(7)


def spin() -> None:
    """Never returns."""
    while True:
        pass


async def stubborn() -> None:
    """Swallows every cancellation."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


def retry_once(path: str, countdown: float) -> str:
    """Asks for a retry the first time."""
    if not Path(path).exists():
        Path(path).touch()
        raise RetryError(countdown, "not yet")
    return "done"


def unstorable() -> object:
    """Returns what is no JSON."""
    return object()


def echo(*args: object, **kwargs: object) -> dict[str, object]:
    """What it was called with."""
    return {"args": list(args), "kwargs": kwargs}


class Mailer:
    """Found as `Mailer.send`."""

    @staticmethod
    def send(to: str) -> str:
        """Sends nothing."""
        return f"sent to {to}"

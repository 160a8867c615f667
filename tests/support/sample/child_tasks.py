"""Tasks for child processes: what they know of themselves, say, and do at their limits."""

import asyncio
import contextlib
import contextvars
import ctypes
import hashlib
import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

from lapinq import Middleware, TimeLimit, current_task


def who() -> dict[str, Any]:
    """All that a task knows of itself."""
    task = current_task()
    return {
        "id": task.id,
        "name": task.task_name,
        "module": task.module_path,
        "queue": task.queue,
        "attempt": task.attempt,
        "max_retries": task.max_retries,
        "metadata": dict(task.metadata),
        "enqueued_at": task.enqueued_at,
        "deadline": task.deadline.timestamp(),
        "claim_seq": task.claim_seq,
        "cancelled": task.cancelled,
        "lease_lost": task.lease_lost,
    }


async def awho() -> dict[str, Any]:
    await asyncio.sleep(0)
    return who()


def say(percent: float, message: str | None = None) -> None:
    current_task().progress(percent, message)


def say_and_wait(percent: float, message: str, path: str) -> None:
    """Reports its progress, and waits for a file."""
    current_task().progress(percent, message)
    while not Path(path).exists():
        time.sleep(0.01)


def say_and_die(percent: float, message: str) -> None:
    """Reports its progress and logs it, and ends its process."""
    current_task().progress(percent, message)
    current_task().log.info("%s", message)
    os.kill(os.getpid(), signal.SIGSEGV)


def say_much(times: int) -> float:
    """Reports its progress in a tight loop; returns the seconds per report."""
    progress = current_task().progress
    started = time.perf_counter()
    for n in range(times):
        progress(n * 100 // times, "on the way")
    progress(100, "there")
    return (time.perf_counter() - started) / times


def log_lines(count: int, text: str) -> None:
    """Logs that many lines, with half of a surrogate pair for each question mark."""
    text = text.replace("?", "\ud800")
    for n in range(count):
        current_task().log.warning("%d %s", n, text)


def log_in_fork() -> str:
    """Logs, and reports progress, in a forked copy and in a thread too."""
    current_task().log.info("before")
    pid = os.fork()
    if pid == 0:
        current_task().log.info("copy")
        os._exit(0)
    os.waitpid(pid, 0)
    current_task().log.info("after")
    return "done"


def take_long(path: str) -> str:
    """Shows that it has begun, and sleeps."""
    Path(path).touch()
    time.sleep(60)
    return "slept"


def tidy_up(path: str) -> str:
    """Returns when it reaches its limit."""
    try:
        take_long(path)
    except TimeLimit as limit:
        return f"tidied up at {limit.limit:g}"
    return "not reached"


def tidy_up_and_fail(path: str) -> None:
    try:
        take_long(path)
    except TimeLimit:
        raise ValueError("at the limit") from None


def ignore_limit(path: str) -> None:
    """Swallows every exception."""
    Path(path).touch()
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60)


def hash_for_long(path: str) -> None:
    """Stays in C code, which lets other threads run."""
    Path(path).write_text(str(os.getpid()))
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 2_000_000_000)


def match_for_long(path: str) -> None:
    """Stays in C code, which lets no other thread run."""
    Path(path).write_text(str(os.getpid()))
    re.match(r"(a+)+b", "a" * 64)


def sleep_in_c(path: str) -> None:
    """Stays in a C function that continues after an interrupt and holds the interpreter."""
    Path(path).write_text(str(os.getpid()))
    libc = ctypes.PyDLL(None)
    end = time.monotonic() + 60
    while time.monotonic() < end:
        libc.sleep(60)


def read_for_ever() -> str:
    """Waits in an endless system call; returns which exception ended it."""
    reader, _writer = os.pipe()
    try:
        os.read(reader, 1)
    except TimeLimit:
        return "TimeLimit"
    return "data"


def work_around(seconds: float) -> str:
    """Computes for so long; says whether it was interrupted."""
    try:
        compute(seconds)
    except TimeLimit:
        return "interrupted"
    return "through"


def compute(seconds: float) -> None:
    """Computes for so long. Not in the `try` itself: the jump back to the beginning of a loop, where signals are seen
    to, is not within it for Python 3.13."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def handlers_in_fork() -> list[str]:
    """The handlers of signals, in a forked copy."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        names = [str(signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)]
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        os.write(writer, "|".join([*names, str(len(blocked))]).encode())
        os._exit(0)
    os.waitpid(pid, 0)
    return os.read(reader, 10_000).decode().split("|")


def reset_signal(path: str) -> None:
    """Takes the handler away that the worker's signal needs."""
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    take_long(path)


def log_for_ever(path: str) -> None:
    """Logs until something is raised."""
    Path(path).touch()
    while True:
        current_task().log.info("x" * 1000)


def until_cancelled(path: str) -> str:
    """Returns when somebody asks for its stop."""
    Path(path).touch()
    while not current_task().cancelled:
        time.sleep(0.005)
    return "saw it"


def until_lost(path: str) -> str:
    """Returns when its task was given to another worker."""
    Path(path).touch()
    while not current_task().lease_lost:
        time.sleep(0.005)
    return "saw it"


async def acatch_cancel(path: str) -> str:
    """A coroutine that waits."""
    Path(path).touch()  # a file is how the test hears of it
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        Path(f"{path}.cancelled").touch()
        raise
    return "slept"


def eat(mebibytes: int, path: str, seconds: float = 60.0) -> int:
    """Takes that much memory and keeps it for so long."""
    Path(path).touch()
    taken = bytearray(mebibytes * 2**20)
    taken[::4096] = b"x" * len(taken[::4096])
    time.sleep(seconds)
    return len(taken)


def leak(mebibytes: int) -> int:
    """Keeps that much memory until the process ends; returns its process id."""
    _LEAKED.append(b"x" * (mebibytes * 2**20))
    return os.getpid()


def leave_thread_logging() -> None:
    """Leaves a thread that keeps reporting in the name of this task."""
    task = current_task()

    def go_on() -> None:
        for _ in range(2000):
            task.log.info("from the past")
            task.progress(13, "from the past")
            time.sleep(0.001)

    threading.Thread(target=contextvars.copy_context().run, args=(go_on,), daemon=True).start()


def say_what_middleware_did(word: str) -> str:
    """To be called with middleware around it."""
    return word


class Shouting(Middleware):
    """Makes what a task returns loud."""

    def run(self, task: Any, call: Any) -> Any:
        return f"{task.task_name}: {call().upper()}"


_LEAKED: list[bytes] = []

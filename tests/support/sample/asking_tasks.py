"""Durable tasks for a worker without a database."""

import asyncio
import contextvars
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lapinq import TimeLimit, current_task
from lapinq.errors import NoTask


def steps(*names: str) -> list[str]:
    """Each returns its name."""
    return [current_task().step(name, str, name) for name in names]


async def asteps(count: int) -> int:
    """All in flight together."""
    task = current_task()
    return len(await asyncio.gather(*(task.step("a", _alike, n, key=str(n)) for n in range(count))))


async def _alike(value: int) -> int:
    return value


def steps_in_threads(*names: str) -> list[str]:
    contexts = [contextvars.copy_context() for _ in names]
    with ThreadPoolExecutor(len(names)) as threads:
        runs = [threads.submit(one.run, steps, name) for one, name in zip(contexts, names, strict=True)]
        return [run.result()[0] for run in runs]


def catches_limit(name: str) -> str:
    try:
        return steps(name)[0]
    except TimeLimit:
        return "TimeLimit"


def dies_asking(name: str) -> None:
    threading.Thread(target=contextvars.copy_context().run, args=(steps, name), daemon=True).start()
    time.sleep(0.2)
    os.kill(os.getpid(), signal.SIGSEGV)


def asks_in_fork() -> str:
    steps("a")
    read, write = os.pipe()
    if os.fork() == 0:
        try:
            steps("b")
        except NoTask:
            os.write(write, b"NoTask")
        finally:
            os._exit(0)
    os.close(write)
    return os.read(read, 100).decode()


def leaves_a_thread(path: str) -> None:
    """The thread waits for an answer when the function returns."""

    def ask() -> None:
        try:
            steps("stuck")
        except Exception as error:  # noqa: BLE001  # it is what the test is about
            Path(path).write_text(type(error).__name__)

    steps("first")
    threading.Thread(target=contextvars.copy_context().run, args=(ask,), daemon=True).start()
    time.sleep(0.2)

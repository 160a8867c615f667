"""Tasks that tests enqueue. They run in worker processes, so what they did must show in their results or in files."""

import asyncio
import ctypes
import hashlib
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from lapinq import RetryError, TaskQueue, TimeLimit, current_task


def add(a: int, b: int) -> int:
    return a + b


async def aadd(a: int, b: int) -> int:
    return a + b


def fail(message: str) -> None:
    raise ValueError(message)


async def afail(message: str) -> None:
    raise ValueError(message)


def noop() -> None:
    """Nothing."""


async def anoop() -> None:
    """Nothing, as a coroutine."""


def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


async def asleep(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "slept"


async def abusy(seconds: float) -> None:
    """Holds up the event loop."""
    time.sleep(seconds)  # noqa: ASYNC251  # on purpose


def mark(directory: str, name: str, seconds: float = 0.0) -> int:
    """Leaves a file for each start, then for the end; returns the process id."""
    place = Path(directory)
    (place / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    time.sleep(seconds)
    (place / f"{name}.ended.{os.getpid()}.{time.time_ns()}").touch()
    return os.getpid()


async def amark(directory: str, name: str, seconds: float = 0.0) -> int:
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
    (Path(directory) / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    await await_for(gate)


async def atimed(journal: str, name: str, seconds: float) -> None:
    """Appends when it starts and when it ends, by the clock that all processes of the machine share."""
    _append(journal, f"{time.monotonic()} start {name} {os.getpid()}")
    await asyncio.sleep(seconds)
    _append(journal, f"{time.monotonic()} end {name} {os.getpid()}")


async def acall(service: str, journal: str, name: str, seconds: float) -> None:
    """Like `atimed`, but fails at its end unless the file `service` exists."""
    await atimed(journal, name, seconds)
    if not os.path.exists(service):  # noqa: PTH110  # it is quick
        raise ConnectionError(service)


def _append(path: str, line: str) -> None:
    with Path(path).open("ab", buffering=0) as file:
        file.write(f"{line}\n".encode())


def wait_for(path: str) -> str:
    """Runs until a file exists."""
    while not Path(path).exists():
        time.sleep(0.01)
    return "seen"


async def await_for(path: str) -> str:
    while not Path(path).exists():  # noqa: ASYNC110  # a file is how the test speaks to it
        await asyncio.sleep(0.01)
    return "seen"


def wait_at(path: str) -> str:
    """As `wait_for`, and leaves a file to show that it has begun."""
    Path(f"{path}.begun.{os.getpid()}.{time.time_ns()}").touch()
    return wait_for(path)


async def await_at(path: str) -> str:
    Path(f"{path}.begun.{os.getpid()}.{time.time_ns()}").touch()  # a file is how the test hears of it
    return await await_for(path)


def die() -> None:
    """Ends its process, as a segmentation fault would."""
    os.kill(os.getpid(), signal.SIGSEGV)


def leave() -> None:
    os._exit(7)


def spin() -> None:
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


async def retry_in(countdown: str) -> None:
    """Asks for a retry in that many seconds, as text, for JSON has no infinity."""
    raise RetryError(float(countdown), "later")


def unstorable() -> object:
    """Returns a value that is not JSON."""
    return object()


def echo(*args: object, **kwargs: object) -> dict[str, object]:
    return {"args": list(args), "kwargs": kwargs}


class Mailer:
    """Found as `Mailer.send`."""

    @staticmethod
    def send(to: str) -> str:
        """Sends nothing."""
        return f"sent to {to}"


def wrapped_aadd(a: int, b: int) -> Coroutine[Any, Any, int]:
    """What a decorator leaves of a coroutine function when it is none itself."""
    return aadd(a, b)


def exit_program() -> None:
    """Does what ends a program."""
    raise SystemExit(3)


def file_of(module: str) -> str | None:
    """The file a module was imported from: tells which release a worker is of."""
    return importlib.import_module(module).__file__


def process_id() -> int:
    return os.getpid()


def mark_and_die(directory: str, name: str) -> None:
    """Leaves a file for its start, then ends its process."""
    mark(directory, name)
    die()


def long_text(size: int) -> str:
    """A result of that many characters."""
    return "x" * size


def length(text: str) -> int:
    """Takes an argument of any size."""
    return len(text)


def write_much() -> str:
    """Writes to standard output and error what might be taken for something else."""
    for _ in range(100):
        os.write(1, b"\x00\x00\x00\x05junk\n" * 50)
        print("printed", file=sys.stderr)
    return "written"


def read_input() -> str:
    """What stands on standard input."""
    return sys.stdin.read()


def fork_and_return() -> str:
    return "child" if os.fork() == 0 else "parent"


def fork_and_die(path: str) -> None:
    """Leaves a copy of its process behind, in the same group, whose id it writes to a file, and ends."""
    child = os.fork()
    if child == 0:
        time.sleep(120)
        os._exit(0)
    Path(path).write_text(str(child))
    die()


def start_program_and_wait(path: str) -> None:
    """Starts a program, writes its process id to a file, and never returns."""
    program = subprocess.Popen(["sleep", "120"])
    Path(path).write_text(str(program.pid))
    program.wait()


def use_other_processes() -> list[int]:
    """Computes in a pool of forked processes, which it ends with SIGTERM."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        return pool.map(abs, [-1, -2, -3])


def stop_program_of_own() -> int:
    """Ends a subprocess with SIGTERM; returns the signal that ended it."""
    program = subprocess.Popen(["sleep", "120"])
    program.terminate()
    return -program.wait(10)


async def leave_stubborn_task() -> None:
    """Leaves a task on the event loop that swallows every cancellation."""
    _LEFT.append(asyncio.get_running_loop().create_task(stubborn()))


async def leave_stuck_thread() -> None:
    """Leaves a thread of the loop's executor that does not return."""
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)


async def leave_program_ender() -> None:
    """Leaves a task on the event loop that raises what ends a program."""

    async def end() -> None:
        raise SystemExit(3)

    _LEFT.append(asyncio.get_running_loop().create_task(end()))


_LEFT: list[asyncio.Task[None]] = []


def book(number: int, fail: str | None = None) -> str:
    """Writes a row and completes itself in one transaction; may fail inside of it or after."""
    current_task().log.info("booking %s", number)
    with current_task().transaction(result=f"booked {number}") as conn:
        conn.execute("INSERT INTO orders VALUES (%s)", (number,))
        if fail == "inside":
            raise ZeroDivisionError(fail)
    if fail == "after":
        raise ZeroDivisionError(fail)
    return "not kept"


async def abook(number: int, fail: str | None = None) -> str:
    current_task().log.info("booking %s", number)
    async with current_task().transaction(result=f"booked {number}") as conn:
        await conn.execute("INSERT INTO orders VALUES (%s)", (number,))
        if fail == "inside":
            raise ZeroDivisionError(fail)
    if fail == "after":
        raise ZeroDivisionError(fail)
    return "not kept"


async def ablock(directory: str, name: str, how: str) -> None:
    """Leaves a file for each start, and holds up its event loop for a minute."""
    (Path(directory) / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    match how:
        case "task":
            await asyncio.create_task(ablock_loop("sleep"))
        case "cleanup":
            try:
                await asyncio.sleep(60)
            finally:
                await ablock_loop("sleep")
        case _:
            await ablock_loop(how)


async def ablock_loop(how: str) -> None:
    """Takes the event loop from everybody else for a minute, or with "none" not at all."""
    end = time.monotonic() + 60
    match how:
        case "none":
            pass
        case "sleep":
            time.sleep(60)  # noqa: ASYNC251  # on purpose
        case "loop":
            while time.monotonic() < end:
                pass
        case "C":
            while time.monotonic() < end:
                hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200_000_000)
        case "lock":
            ctypes.PyDLL(None).sleep(60)  # holds the interpreter's lock
        case _:
            raise ValueError(how)


def block(directory: str, name: str, how: str) -> None:
    """Leaves a file for each start, and runs for a minute, even if interrupted."""
    (Path(directory) / f"{name}.started.{os.getpid()}.{time.time_ns()}").touch()
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            match how:
                case "swallow":
                    time.sleep(60)
                case "C":
                    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 200_000_000)
                case "lock":
                    ctypes.PyDLL(None).sleep(60)
                case _:
                    raise ValueError(how)
        except TimeLimit:
            continue


async def amark_and_leave(directory: str, name: str) -> None:
    """Leaves a file for its start, then ends its process, as a coroutine."""
    await amark(directory, name)
    os._exit(7)


def eat_memory() -> None:
    eaten = list[bytearray]()
    while True:
        eaten.append(bytearray(b"x" * 4_000_000))
        time.sleep(0.002)


async def make_progress(steps: int) -> int:
    """Says how far it has come, slowly enough to be heard."""
    for step in range(steps):
        current_task().progress(100 * step / steps)
        await asyncio.sleep(0.3)
    return steps


def busy_and_idle(busy: float, idle: float) -> str:
    """Computes for a while in one function, and sleeps in another."""
    _compute(busy)
    time.sleep(idle)
    return "done"


def _compute(seconds: float) -> None:
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        sum(range(1000))


async def abusy_and_waits(busy: float, idle: float) -> str:
    """Computes for a while in one function, and waits in another."""
    _compute(busy)
    await _await(idle)
    return "done"


async def _await(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def abusy_and_fails(busy: float) -> None:
    """Computes in a coroutine, and fails."""
    _compute(busy)
    raise ValueError("no")


def has_workflow() -> bool:
    return current_task().workflow is not None


def grow(address: str, count: int) -> str:
    """Adds `count` tasks to its workflow, by a queue with this address."""
    workflow = current_task().workflow
    assert workflow is not None
    task = TaskQueue(address, current_task().queue).task(add)
    for number in range(count):
        workflow.add(task.options(ref=f"more {number}"), 1, number)
    return workflow.id


async def agrow(address: str, count: int) -> str:
    """The same as a coroutine."""
    workflow = current_task().workflow
    assert workflow is not None
    task = TaskQueue(address, current_task().queue).task(add)
    for number in range(count):
        ref = await workflow.add(task, 1, number)
        assert ref.task_id is not None
    return workflow.id

"""The program of a child process: `python -m lapinq_worker.pools.child FD`. Calls functions, one at a time.

It knows no database. It ends when the worker closes the socket, and is killed by the kernel when the worker dies,
so that no code goes on whose outcome nobody waits for.
"""

import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec

from lapinq_core.domain.outcome import Outcome
from lapinq_core.importing import resolve
from lapinq_worker.job import decode_arguments
from lapinq_worker.outcomes import raised, returned
from lapinq_worker.pools.frames import Call, Frames, Greeting, Report, frame, reportable

_PR_SET_PDEATHSIG = 1
_RECEIVE_BYTES = 256 * 1024

_calls = msgspec.msgpack.Decoder(list[Call])


def main() -> None:
    """Serves the socket whose file descriptor is the first argument, for the worker whose process id is the second."""
    _die_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        channel.setblocking(True)
        _serve(channel)


def _serve(channel: socket.socket) -> None:
    frames = Frames()
    greeting: Greeting | None = None
    functions: dict[tuple[str, str], Callable[..., Any]] = {}
    while data := channel.recv(_RECEIVE_BYTES):
        for body in frames.feed(data):
            if greeting is None:
                greeting = msgspec.msgpack.decode(body, type=Greeting)
                _settle_in(greeting)
                continue
            for call in _calls.decode(body):
                started = time.perf_counter()
                outcome = _call(call, functions, greeting.allowed_modules)
                report = Report(reportable(outcome), time.perf_counter() - started)
                channel.sendall(frame(report))


def _call(call: Call, functions: dict[tuple[str, str], Callable[..., Any]], allowed: list[str]) -> Outcome:
    try:
        key = (call.module_path, call.task_name)
        function = functions.get(key)
        if function is None:
            function = functions[key] = resolve(call.module_path, call.task_name, allowed)
        args, kwargs = decode_arguments(call.args, call.kwargs)
        return returned(function(*args, **kwargs))
    except BaseException as error:  # noqa: BLE001  # user code
        return raised(error)


def _settle_in(greeting: Greeting) -> None:
    sys.path[:] = greeting.sys_path
    for module in greeting.imports:
        # What fails here fails again, and is reported, when a task needs it.
        with contextlib.suppress(Exception):
            importlib.import_module(module)


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the worker is gone")


if __name__ == "__main__":
    main()

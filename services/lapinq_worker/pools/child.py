"""The program of a child process: `python -m lapinq_worker.pools.child FD PID`. Calls functions, one at a time.

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
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import msgspec

from lapinq_core.domain.outcome import Outcome
from lapinq_core.importing import resolve
from lapinq_worker.outcomes import raised
from lapinq_worker.pools.calling import call
from lapinq_worker.pools.frames import Call, Frames, Greeting, Ready, Report, frame, reportable

_PR_SET_PDEATHSIG = 1
_RECEIVE_BYTES = 256 * 1024
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

_masks = threading.local()

_calls = msgspec.msgpack.Decoder(list[Call])


def main() -> None:
    """Serves the socket whose file descriptor is the first argument, for the worker whose process id is the second."""
    _die_with_parent(int(sys.argv[2]))
    _leave_stopping_to_parent()
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        channel.setblocking(True)
        _serve(channel)


def _serve(channel: socket.socket) -> None:
    frames = Frames()
    greeting: Greeting | None = None
    functions: dict[tuple[str, str], Callable[..., Any]] = {}
    process = os.getpid()
    while data := channel.recv(_RECEIVE_BYTES):
        for body in frames.feed(data):
            if greeting is None:
                greeting = msgspec.msgpack.decode(body, type=Greeting)
                _settle_in(greeting)
                channel.sendall(frame(Ready()))
                continue
            for asked in _calls.decode(body):
                started = time.perf_counter()
                outcome = _call(asked, functions, greeting.allowed_modules)
                if os.getpid() != process:
                    os._exit(1)  # a copy that the function forked and did not end: the original reports
                channel.sendall(frame(Report(reportable(outcome), time.perf_counter() - started)))


def _call(asked: Call, functions: dict[tuple[str, str], Callable[..., Any]], allowed: list[str]) -> Outcome:
    key = (asked.module_path, asked.task_name)
    function = functions.get(key)
    if function is None:
        try:
            function = functions[key] = resolve(asked.module_path, asked.task_name, allowed)
        except BaseException as error:  # noqa: BLE001  # user code: importing a module runs it
            return raised(error)
    return call(function, asked.args, asked.kwargs)


def _settle_in(greeting: Greeting) -> None:
    sys.path[:] = greeting.sys_path
    for module in greeting.imports:
        # What fails here fails again, and is reported, when a task needs it.
        with contextlib.suppress(BaseException):
            importlib.import_module(module)


def _leave_stopping_to_parent() -> None:
    # Service managers signal all processes of a service: the worker alone decides what becomes of the task that runs
    # here. Handlers and not SIG_IGN, which programs started by the task would inherit.
    for number in _STOP_SIGNALS:
        signal.signal(number, _pass_over)
        signal.siginterrupt(number, False)
    # Forks of the task get the usual handlers back; a signal that comes before they have them waits.
    os.register_at_fork(
        before=_hold_signals, after_in_parent=_let_signals_through, after_in_child=_stop_as_usual
    )


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


def _hold_signals() -> None:
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def _let_signals_through() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _stop_as_usual() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _let_signals_through()


def _die_with_parent(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the worker is gone")


if __name__ == "__main__":
    main()

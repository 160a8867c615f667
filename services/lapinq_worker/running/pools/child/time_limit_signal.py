"""Raises `TimeLimit` in the function that a child runs, when the worker says by a signal that its time is over.

The signal is SIGUSR2: SIGALRM and SIGUSR1 are what tasks and the libraries they use are more likely to need. It says
only "look at the page"; which call is meant stands there, so a signal that comes too late does nothing. The handler
runs in the main thread, between two of its bytecodes or in a system call that waits, and raises only where the user's
function or what that called is on top of the stack. Where it must not raise (around the function, in the middle of a
frame, in the hooks of a fork, which swallow exceptions) it does nothing: until the function was told the worker sends
the signal again.
"""

import signal
import threading
from types import CodeType, FrameType

from lapinq_core.domain.errors import TimeLimit
from lapinq_worker.running.pools.child.shared_page import SharedPage

ALARM_SIGNAL = signal.SIGUSR2


class Alarm:
    """`is_open` while the user's function runs. `quiet` is the code that must not be interrupted. `told` is the last
    call whose function was told."""

    def __init__(self, page: SharedPage, quiet: frozenset[CodeType]) -> None:
        self.is_open = False
        self._page = page
        self._quiet = quiet
        self._call = 0
        self._limit = 0.0
        self.told = 0
        self._is_put_off = False
        self._thread = threading.get_ident()

    def install(self) -> None:
        """Takes the signal. System calls are interrupted by it, so that also one that waits for ever is left."""
        signal.signal(ALARM_SIGNAL, self._rung)

    def set(self, call: int, limit: float) -> None:
        """Before a call with a time limit in seconds."""
        self._call = call
        self._limit = limit
        self._is_put_off = False

    def make_up(self) -> None:
        """After code that must not be interrupted: raises what would have been raised in it."""
        if self._is_put_off and threading.get_ident() == self._thread:
            self._is_put_off = False
            self._ring()

    def _rung(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code in self._quiet:
            self._is_put_off = True
        else:
            self._ring()

    def _ring(self) -> None:
        call = self._call
        if self.is_open and self.told != call and self._page.is_late(call):
            self.told = call
            self._page.tell(call)
            raise TimeLimit(self._limit)

"""Raises `TimeLimit` in the function that a child runs, when the worker signals that its time is over.

The signal is SIGUSR2: tasks and the libraries they use are more likely to need SIGALRM and SIGUSR1. It only says "look
at the shared page". The page names the call, so a late signal does nothing. The handler runs in the main thread,
between two bytecodes or in a system call that waits, and raises only where the user's code is on the stack. Where it
must not raise (around the function, in the middle of a frame, in fork hooks, which swallow exceptions) it does nothing.
The worker repeats the signal until the function was told.
"""

import signal
import threading
from types import CodeType, FrameType

from lapinq_core.domain.errors import TimeLimit
from lapinq_worker.running.pools.child_side.shared_page import SharedPage

TIME_LIMIT_SIGNAL = signal.SIGUSR2


class TimeLimitSignal:
    """`is_open` while the user's function runs. The handler never raises in `uninterruptible` code. `told` is the last
    call whose function was told."""

    def __init__(self, page: SharedPage, uninterruptible: frozenset[CodeType]) -> None:
        self.is_open = False
        self._page = page
        self._uninterruptible = uninterruptible
        self._call = 0
        self._limit = 0.0
        self.told = 0
        self._is_deferred = False
        self._thread = threading.get_ident()

    def install(self) -> None:
        """Installs the handler. The signal interrupts system calls, even one that would wait forever."""
        signal.signal(TIME_LIMIT_SIGNAL, self._handle)

    def arm(self, call: int, limit: float) -> None:
        """Before a call with a time limit in seconds."""
        self._call = call
        self._limit = limit
        self._is_deferred = False

    def raise_deferred(self) -> None:
        """After uninterruptible code: raises `TimeLimit` if the signal came meanwhile."""
        if self._is_deferred and threading.get_ident() == self._thread:
            self._is_deferred = False
            self._raise_if_late()

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code in self._uninterruptible:
            self._is_deferred = True
        else:
            self._raise_if_late()

    def _raise_if_late(self) -> None:
        call = self._call
        if self.is_open and self.told != call and self._page.is_late(call):
            self.told = call
            self._page.tell(call)
            raise TimeLimit(self._limit)

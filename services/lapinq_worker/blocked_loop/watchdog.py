"""Ends the process when no Python thread runs any more, because code never gives back the interpreter lock.

The timer runs in C, and Python restarts it again and again. Without that it ends the process and prints where all
threads are. A supervisor starts the program again, and other workers rescue its tasks once the lease has run out.
"""

import faulthandler
import logging
import sys
import time

EVERY_SECONDS = 1.0
_DEBUGGERS = {"debugpy", "pydevd", "pytest"}

log = logging.getLogger(__name__)


class Watchdog:
    """Ends the process when `feed` has not been called for `seconds`. A process has one such timer.

    It stays off while a debugger or pytest is loaded: they stop all threads, or use the timer themselves.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._fed = float("-inf")
        self._is_off = False

    def feed(self) -> None:
        """Threads run. Cheap enough for several calls a second."""
        now = time.monotonic()
        if now - self._fed >= EVERY_SECONDS:
            self._fed = now
            self._restart(self._seconds)

    def allow(self, seconds: float) -> None:
        """Gives that much more time until the next `feed`."""
        self._restart(self._seconds + seconds)

    def stop(self) -> None:
        """Stops watching."""
        if not self._is_off:
            self._is_off = True
            faulthandler.cancel_dump_traceback_later()

    def _restart(self, seconds: float) -> None:
        if self._is_off:
            return
        try:
            if _DEBUGGERS.isdisjoint(sys.modules):
                faulthandler.dump_traceback_later(seconds, exit=True)
        except (OSError, ValueError, RuntimeError, AttributeError) as error:
            # Standard error may be no file, or closed.
            log.debug("no watchdog: %s", error)
            self._is_off = True

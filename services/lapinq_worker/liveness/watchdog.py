"""The last resort against code that holds the interpreter's lock for good: no thread of Python runs any more then.

A timer in C, set anew again and again from Python, ends the process once it is not, with a dump of where all threads
are. A supervisor starts the program again, and other workers take its tasks when its lease has run out.
"""

import faulthandler
import logging
import sys
import time

EVERY_SECONDS = 1.0
_DEBUGGERS = {"debugpy", "pydevd", "pytest"}

log = logging.getLogger(__name__)


class Watchdog:
    """Ends the process when `feed` has not been called for `seconds`. There is one timer a process.

    Never while a debugger or pytest is loaded, which stop all threads or want the timer for themselves.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._fed = float("-inf")
        self._is_off = False

    def feed(self) -> None:
        """Threads run; cheap enough to be called several times a second."""
        now = time.monotonic()
        if now - self._fed >= EVERY_SECONDS:
            self._fed = now
            self._wind(self._seconds)

    def allow(self, seconds: float) -> None:
        """Gives that much more time to what comes before the next `feed`."""
        self._wind(self._seconds + seconds)

    def stop(self) -> None:
        """It watches no more."""
        if not self._is_off:
            self._is_off = True
            faulthandler.cancel_dump_traceback_later()

    def _wind(self, seconds: float) -> None:
        if self._is_off:
            return
        try:
            if _DEBUGGERS.isdisjoint(sys.modules):
                faulthandler.dump_traceback_later(seconds, exit=True)
        except (OSError, ValueError, RuntimeError, AttributeError) as error:
            # Standard error may be no file, or closed.
            log.debug("no watchdog: %s", error)
            self._is_off = True

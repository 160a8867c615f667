"""Logs repeated failures without flooding the log."""

import logging
import time
from collections.abc import Callable

from lapinq_core.runtime.threads import any_thread

INTERVAL_SECONDS = 60.0


class FailureLog:
    """Logs each type of error once a minute, an unexpected one with its traceback. Repeats get level debug."""

    def __init__(
        self,
        log: logging.Logger,
        message: str,
        expected: Callable[[BaseException], bool],
        *,
        level: int = logging.WARNING,
    ) -> None:
        """`message` says what fails. `level` is for `expected` errors; others are logged as errors."""
        self._log = log
        self._message = message
        self._expected = expected
        self._level = level
        self._silent_until: dict[type[Exception], float] = {}

    @any_thread
    def failed(self, error: Exception) -> None:
        """Call this in the `except` clause."""
        now, kind = time.monotonic(), type(error)
        reason = str(error).strip() or kind.__name__
        if now < self._silent_until.get(kind, 0.0):
            self._log.debug("%s: %s", self._message, reason, stacklevel=2)
            return
        self._silent_until[kind] = now + INTERVAL_SECONDS
        if self._expected(error):
            self._log.log(self._level, "%s: %s", self._message, reason, stacklevel=2)
        else:
            self._log.error("%s: %s", self._message, reason, exc_info=error, stacklevel=2)

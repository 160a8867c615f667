"""Limits how many refusals enter the audit log: failed logins, and refused changes of known callers.

For 15 minutes there is a limit for each user and key, and one for failed logins in total. (Counting logins of existing
names separately would reveal by the response time which names exist.) Beyond the limit, a refusal costs no query. The
server's log lists all of them.
"""

import time
from collections.abc import Callable

import msgspec

WINDOW_SECONDS = 15 * 60.0
MAX_PER_CALLER = 20
MAX_LOGINS = 200


class _Window(msgspec.Struct):
    """Refusals recorded since the first of a window, and those left out since."""

    since: float
    noted: int = 0
    left_out: int = 0


class RefusalLimits:
    """Used by one event loop. Its size depends on the number of users and keys, not on what strangers send."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def take(self, about: str, most: int) -> int | None:
        """Returns how many refusals were left out before this one, if it is to be recorded; None if it is left out,
        too."""
        now = self._clock()
        window = self._windows.get(about)
        if window is None or now - window.since >= WINDOW_SECONDS:
            window = self._windows[about] = _Window(now, left_out=window.left_out if window else 0)
        if window.noted >= most:
            window.left_out += 1
            return None
        window.noted += 1
        before, window.left_out = window.left_out, 0
        return before

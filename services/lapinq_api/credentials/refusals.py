"""What the audit log has of what was refused: failed logins, and changes that somebody known may not make.

In a quarter of an hour so many refusals are noted of each person and key, and so many failed logins in all: if those of
names that exist were counted separately, the time of an answer would tell which do. A refusal beyond that costs the
database nothing. The server's log has every one.
"""

import time
from collections.abc import Callable

import msgspec

WINDOW_SECONDS = 15 * 60.0
MOST_BY_ONE = 20
MOST_LOGINS = 200


class _Window(msgspec.Struct):
    """Since the first one that was noted: how many were, and how many more there have been."""

    since: float
    noted: int = 0
    left_out: int = 0


class Refusals:
    """Of one event loop. It grows with the people and keys that there are, not with what strangers send."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[str, _Window] = {}

    def take(self, about: str, most: int) -> int | None:
        """How many refusals were left out before this one, which is noted; None where this one is left out too."""
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

"""Limits how fast a viewer may send messages."""

import time
from collections.abc import Callable


class TokenBucket:
    """Allows `burst` messages immediately, then one every `seconds`."""

    def __init__(self, burst: int, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._ahead = burst * seconds
        self._seconds = seconds
        self._clock = clock
        self._paid_until = clock()

    def delay(self) -> float:
        """Counts a message. Returns how many seconds to wait before handling it."""
        now = self._clock()
        self._paid_until = max(self._paid_until, now) + self._seconds
        return max(0.0, self._paid_until - self._ahead - now)

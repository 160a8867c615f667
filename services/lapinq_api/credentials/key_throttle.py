"""Throttles guessing of API keys, by address, in each process separately.

More than `MAX_WRONG_KEYS` wrong keys a minute are answered 429. Valid keys still pass: a program with an old key must
not lock out its neighbours that have the new one. After `MAX_CHECKED_KEYS` wrong keys, no key is checked at all, unless
a valid key or a session came from that address lately. That limits how many keys can be guessed.
"""

import logging
import math
import time
from collections.abc import Callable

import msgspec

from lapinq_api.wire.errors import Refused

WINDOW_SECONDS = 60.0
MAX_WRONG_KEYS = 30
MAX_CHECKED_KEYS = 1000
KNOWN_SECONDS = 600.0
"""How long an address stays known after a valid key or a session."""
MAX_ADDRESSES = 10_000
_EVERYBODY_ELSE = ""

log = logging.getLogger(__name__)


class TooManyWrongKeys(Refused):
    """Too many wrong keys came from an address. The next one is checked in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            429, "too many wrong keys came from this address", {"Retry-After": str(math.ceil(seconds))}
        )


class _Window(msgspec.Struct):
    """Wrong keys from one address since the first of them."""

    since: float
    count: int = 0


class KeyThrottle:
    """Used by one event loop. Beyond `MAX_ADDRESSES`, guessing addresses share a count, and the oldest known are
    dropped."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, _Window] = {}
        self._valid: dict[str, float] = {}

    @property
    def size(self) -> int:
        """How many addresses are remembered. One that sent both kinds counts twice."""
        return len(self._wrong) + len(self._valid)

    def blocked(self, address: str) -> float | None:
        """Seconds until keys from this address are checked again; None if they are checked now."""
        now = self._clock()
        window = self._wrong.get(address)
        if window is None or window.count < MAX_CHECKED_KEYS or now - window.since >= WINDOW_SECONDS:
            return None
        if now - self._valid.get(address, -KNOWN_SECONDS) < KNOWN_SECONDS:
            return None
        return window.since + WINDOW_SECONDS - now

    def record_valid(self, address: str) -> None:
        """Records that a valid key or session came from this address."""
        self._valid.pop(address, None)  # keeps the order by age
        if len(self._valid) >= MAX_ADDRESSES:
            del self._valid[next(iter(self._valid))]
        self._valid[address] = self._clock()

    def record_wrong(self, address: str) -> float | None:
        """Counts a wrong key. Returns None if it gets the usual answer, else the seconds until the next key does."""
        now = self._clock()
        window = self._window(address, now)
        window.count += 1
        if window.count <= MAX_WRONG_KEYS:
            return None
        if window.count == MAX_WRONG_KEYS + 1:
            log.warning("%s sends more than %d wrong API keys a minute", address, MAX_WRONG_KEYS)
        return window.since + WINDOW_SECONDS - now

    def _window(self, address: str, now: float) -> _Window:
        # New windows go to the end, so the expired ones come first.
        while self._wrong and now - next(iter(self._wrong.values())).since >= WINDOW_SECONDS:
            del self._wrong[next(iter(self._wrong))]
        if address not in self._wrong and len(self._wrong) >= MAX_ADDRESSES:
            address = _EVERYBODY_ELSE
        return self._wrong.setdefault(address, _Window(now))

"""Slows down who guesses API keys, by address, in each process by itself.

Beyond `MOST_WRONG` wrong keys a minute further ones are answered 429. Right ones still pass: a program with an old key
must not lock out those beside it that have the new one. Beyond `MOST_LOOKED_AT` no key is looked at, unless a right key
or a session came from there lately: that bounds what can be guessed.
"""

import logging
import math
import time
from collections.abc import Callable

import msgspec

from lapinq_api.wire.errors import Refused

WINDOW_SECONDS = 60.0
MOST_WRONG = 30
MOST_LOOKED_AT = 1000
KNOWN_SECONDS = 600.0
"""After a right key or a session."""
MOST_ADDRESSES = 10_000
_EVERYBODY_ELSE = ""

log = logging.getLogger(__name__)


class TooManyGuesses(Refused):
    """Too many wrong keys came from an address; `seconds` until one is looked at again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            429, "too many wrong keys came from this address", {"Retry-After": str(math.ceil(seconds))}
        )


class _Window(msgspec.Struct):
    """Wrong keys from one address since the first of them."""

    since: float
    count: int = 0


class KeyGuesses:
    """Of one event loop. Beyond `MOST_ADDRESSES` guessers share one count; those known the longest are forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, _Window] = {}
        self._right: dict[str, float] = {}

    @property
    def size(self) -> int:
        """How many addresses are remembered, counted twice where they sent both."""
        return len(self._wrong) + len(self._right)

    def blocked(self, address: str) -> float | None:
        """Seconds for which no key from this address is looked at; None where they are."""
        now = self._clock()
        window = self._wrong.get(address)
        if window is None or window.count < MOST_LOOKED_AT or now - window.since >= WINDOW_SECONDS:
            return None
        if now - self._right.get(address, -KNOWN_SECONDS) < KNOWN_SECONDS:
            return None
        return window.since + WINDOW_SECONDS - now

    def right(self, address: str) -> None:
        """A right key, or a session that holds, came from this address."""
        self._right.pop(address, None)  # so that the order is that of their age
        if len(self._right) >= MOST_ADDRESSES:
            del self._right[next(iter(self._right))]
        self._right[address] = self._clock()

    def wrong(self, address: str) -> float | None:
        """Counts a wrong key; None where it is answered as such, else the seconds until the next one is."""
        now = self._clock()
        window = self._window(address, now)
        window.count += 1
        if window.count <= MOST_WRONG:
            return None
        if window.count == MOST_WRONG + 1:
            log.warning("wrong API keys come from %s, more than %d a minute", address, MOST_WRONG)
        return window.since + WINDOW_SECONDS - now

    def _window(self, address: str, now: float) -> _Window:
        # Each is put at the end when it begins, so those that are over stand in front.
        while self._wrong and now - next(iter(self._wrong.values())).since >= WINDOW_SECONDS:
            del self._wrong[next(iter(self._wrong))]
        if address not in self._wrong and len(self._wrong) >= MOST_ADDRESSES:
            address = _EVERYBODY_ELSE
        return self._wrong.setdefault(address, _Window(now))

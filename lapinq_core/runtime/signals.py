"""Stopping on signals: the first SIGTERM or SIGINT asks, the second insists.

Some programs send a signal twice within moments (to the process and to its group). That counts as one.
"""

import asyncio
import signal
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

ECHO_SECONDS = 0.3

_noticed: set[int] = set()


class StopSignals:
    """`asked` is set by the first signal, `insisted` by the second."""

    def __init__(self) -> None:
        self._asked_at = 0.0
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def receive(self) -> None:
        """A signal came."""
        now = time.monotonic()
        if not self.asked.is_set():
            self._asked_at = now
            self.asked.set()
        elif now - self._asked_at > ECHO_SECONDS:
            self.insisted.set()


@contextmanager
def stop_signals() -> Generator[StopSignals]:
    """Listens for SIGTERM and SIGINT on the running loop while the context lasts.

    Afterwards they do what they did before; the loop alone would leave them to end the program.
    """
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    signals = StopSignals()
    _noticed.clear()
    for number in before:
        loop.add_signal_handler(number, signals.receive)
        _also_note(number)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


def was_asked_to_stop() -> bool:
    """Whether a stop signal came, even if a blocked event loop has not seen it."""
    return bool(_noticed)


def _also_note(number: int) -> None:
    # The loop learns of the signal in another way. Its own handler only keeps Python from ending.
    handler = signal.getsignal(number)

    def notice(signum: int, frame: FrameType | None) -> None:
        _noticed.add(signum)
        if callable(handler):
            handler(signum, frame)

    signal.signal(number, notice)
    signal.siginterrupt(number, False)

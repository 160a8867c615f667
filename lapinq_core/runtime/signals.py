"""Stopping on signals: the first SIGTERM or SIGINT asks, the second insists."""

import asyncio
import signal
from collections.abc import Generator
from contextlib import contextmanager


class StopSignals:
    """`asked` is set by the first signal, `insisted` by the second."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()

    def receive(self) -> None:
        """One more signal came."""
        (self.insisted if self.asked.is_set() else self.asked).set()


@contextmanager
def stop_signals() -> Generator[StopSignals]:
    """Listens for SIGTERM and SIGINT on the running loop while the context lasts."""
    loop = asyncio.get_running_loop()
    signals = StopSignals()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signals.receive)
    try:
        yield signals
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

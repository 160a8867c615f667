"""Calls the API in a thread, one call after the other, so that the view keeps reacting to keys."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread

Following = Callable[[], None]
"""What follows a call, done by the loop."""


class Caller:
    """`wake` is called from the thread after each call.

    The thread ends with the process: nobody who quits waits for a server that is slow to answer.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._calls: SimpleQueue[Callable[[], Following]] = SimpleQueue()
        self._ended: SimpleQueue[Following | Exception] = SimpleQueue()
        self._open = 0
        Thread(target=self._run, name="calls", daemon=True).start()

    @property
    def is_busy(self) -> bool:
        """Whether a call has not ended, or what follows it is not done."""
        return self._open > 0

    def call(self, what: Callable[[], Following]) -> None:
        """Calls `what` in the thread, after the calls before. It returns what the loop has to do then."""
        self._open += 1
        self._calls.put(what)

    def follow(self) -> None:
        """Does what follows the calls that have ended. Raises what they raised."""
        while True:
            try:
                following = self._ended.get_nowait()
            except Empty:
                return
            self._open -= 1
            if isinstance(following, Exception):
                raise following
            following()

    def _run(self) -> None:
        while True:
            what = self._calls.get()
            try:
                following: Following | Exception = what()
            except Exception as error:  # noqa: BLE001  # raised again in the loop, where the terminal is restored
                following = error
            self._ended.put(following)
            self._wake()

"""The terminal in full-screen mode: draws the whole screen, reads single keys, and restores everything at the end.

Signals only leave a note and wake the loop, which acts on it: what a handler writes could mix with a picture. SIGTERM
alone raises `SystemExit`, also out of a call that takes long, and the terminal is restored on the way.

Python runs a handler between two of its own instructions, so one that comes just before `select` would wait until that
ends. Hence `signal.set_wakeup_fd`: the signal itself, which knows no such moment, fills the pipe that `select` watches.
"""

import errno
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Self

from rich.console import Console
from rich.text import Text

from lapinq.commands.top.keys import keys_in

_ENTER = "\x1b[?1049h\x1b[?25l\x1b[2J"
"""The alternate screen, without a cursor."""
_LEAVE = "\x1b[?25h\x1b[?1049l"
_LINE = "\x1b[2K"
_REST = "\x1b[J"
_SIGNALS = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT, signal.SIGTERM)


class FullScreen:
    """A context. Standard input and output are one terminal."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._noticed: set[int] = set()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        os.set_blocking(self._woken, False)

    def __enter__(self) -> Self:
        self._modes = termios.tcgetattr(self._input)
        self._handlers = {number: signal.signal(number, self._notice) for number in _SIGNALS}
        self._wakeup_fd = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        try:
            self._enter()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._leave()
        finally:
            signal.set_wakeup_fd(self._wakeup_fd)
            for number, handler in self._handlers.items():
                signal.signal(number, handler)
            os.close(self._woken)
            os.close(self._waker)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        columns, lines = os.get_terminal_size(sys.stdout.fileno())
        return columns or 80, lines or 24

    def draw(self, lines: Sequence[Text]) -> None:
        """Replaces the picture."""
        width, height = self.size
        console = Console(highlight=False, width=width, height=height)
        with console.capture() as written:
            for place, line in enumerate(lines[:height]):
                console.out("\x1b[H" if place == 0 else "\r\n", end="", highlight=False)
                console.out(_LINE, end="", highlight=False)
                console.print(line, end="", no_wrap=True, overflow="crop", crop=True)
        sys.stdout.write(written.get() + _REST)
        sys.stdout.flush()

    def wake(self) -> None:
        """Ends `keys` early. Any thread may call it."""
        with suppress(OSError):  # it is full, or closed already
            os.write(self._waker, b".")

    def keys(self, until: float) -> list[str]:
        """The keys pressed, when there are some, something woke it, or it is `until` by the monotonic clock."""
        ready, *_ = select.select([self._input, self._woken], [], [], max(0.0, until - time.monotonic()))
        if self._woken in ready:
            os.read(self._woken, 4096)
        self._act_on_signals()
        if self._input not in ready:
            return []
        sent = os.read(self._input, 4096)
        return keys_in(sent) if sent else ["q"]  # nobody can press a key any more

    def _notice(self, number: int, frame: FrameType | None) -> None:
        del frame
        if number == signal.SIGTERM:
            raise SystemExit(128 + number)
        self._noticed.add(number)

    def _act_on_signals(self) -> None:
        if signal.SIGTSTP in self._noticed:
            self._leave()
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, self._notice)
        if self._noticed & {signal.SIGTSTP, signal.SIGCONT}:
            self._enter()  # the shell has used the terminal meanwhile
        self._noticed.clear()

    def _enter(self) -> None:
        while True:
            try:
                tty.setcbreak(self._input)
                break
            except termios.error as error:
                if (
                    error.args[0] != errno.EINTR
                ):  # in the background that stops it, until it is in front again
                    raise
        sys.stdout.write(_ENTER)
        sys.stdout.flush()

    def _leave(self) -> None:
        try:
            sys.stdout.write(_LEAVE)
            sys.stdout.flush()
        finally:
            termios.tcsetattr(self._input, termios.TCSADRAIN, self._modes)

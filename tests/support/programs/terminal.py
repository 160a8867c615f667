"""A program in a terminal of its own: what it shows there, and what somebody types."""

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.support.eventually import DEADLINE_SECONDS
from tests.support.programs.processes import REPOSITORY

PROGRAMS = Path(sys.executable).parent
_OWNING = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
"""Gives the program the terminal, so that it can tell Ctrl-C from input."""


class Terminal:
    """Runs `command` until the end of the `with` block. `output` is everything that it has written so far."""

    def __init__(
        self,
        *command: str,
        columns: int = 80,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
        cwd: Path = REPOSITORY,
    ) -> None:
        self._leader, terminal = os.openpty()
        self.resize(columns, rows)
        path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
        known = {
            name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "COLUMNS", "LINES"}
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", _OWNING, *command],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**known, "TERM": "xterm-256color", "PATH": path, **(env or {})},
            cwd=cwd,
            start_new_session=True,
        )
        os.close(terminal)
        self.output = ""
        self._raw = b""
        self._typed_at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._leader)

    @property
    def modes(self) -> list[object]:
        """Whether the terminal echoes, gathers lines, and so on."""
        return list(termios.tcgetattr(self._leader))

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, keys: str) -> None:
        """Presses keys; "\\t" is Tab and "\\x03" Ctrl-C."""
        self._typed_at = len(self.output)
        os.write(self._leader, keys.encode())

    def until(self, text: str, timeout: float = DEADLINE_SECONDS) -> str:
        """Reads on until the program has written `text` since the last `type`, and returns all since then.

        Fails if the program ends or the time is over before.
        """
        end = time.monotonic() + timeout
        while text not in self.output[self._typed_at :]:
            assert self._read(end), f"{text!r} did not come: {self.output[-2000:]!r}"
        return self.output[self._typed_at :]

    def watch(self, seconds: float) -> None:
        """Reads what comes for so long, or until the program ends."""
        end = time.monotonic() + seconds
        while self._read(end):
            pass

    def end(self, timeout: float = DEADLINE_SECONDS) -> int:
        """Reads on until the program ends, and returns its exit code."""
        end = time.monotonic() + timeout
        self.watch(timeout)
        return self.process.wait(max(0.1, end - time.monotonic()))

    def _read(self, end: float) -> bool:
        """Whether something more came."""
        if not select.select([self._leader], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            more = os.read(self._leader, 65_536)
        except OSError:  # the program and its children have ended
            return False
        self._raw += more
        self.output = self._raw.decode(errors="replace")
        return bool(more)

"""Child processes: each in a session of its own, with a log and a time limit, and gone when its block is left.

They are ended gently first, so that a worker can end its own children, then with their whole process group.
"""

import itertools
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from tests.bench.contenders import marks

ROOT = Path(__file__).resolve().parents[3]
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_STEERING = ("LAPINQ_", "PG", "PYTHON", "DATABASE_URL")
"""How variables begin that steer lapinq, PostgreSQL or Python."""


class BenchError(Exception):
    """A measurement could not be made, or its result can't be trusted."""


def say(text: str) -> None:
    """How far a run is, on standard error."""
    click.echo(text, err=True)


def wait_until(is_there: Callable[[], object], limit: float, complaint: str) -> None:
    """Returns once `is_there` says so; raises `BenchError` when it takes longer than `limit` seconds."""
    give_up = time.monotonic() + limit
    while not is_there():
        if time.monotonic() > give_up:
            raise BenchError(f"{complaint} after {limit:.0f} s")
        time.sleep(_POLL_SECONDS)


class Child:
    """A running process, and what it wrote to standard output and standard error so far."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log
        self.pid = process.pid

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def check_alive(self) -> None:
        """Raises `BenchError` when it has ended."""
        if (code := self._process.poll()) is not None:
            raise self._error(f"ended with {code} in the middle")

    def wait(self, limit: float) -> None:
        """Returns once it has ended well; raises `BenchError` when it fails or takes longer than `limit` seconds."""
        try:
            code = self._process.wait(limit)
        except subprocess.TimeoutExpired:
            raise self._error(f"not done after {limit:.0f} s") from None
        if code:
            raise self._error(f"failed with {code}")

    def wait_until(self, is_there: Callable[[], object], limit: float, complaint: str) -> None:
        """Returns once `is_there` says so; raises `BenchError` when it ends before or takes too long."""
        give_up = time.monotonic() + limit
        while not is_there():
            self.check_alive()
            if time.monotonic() > give_up:
                raise self._error(f"{complaint} after {limit:.0f} s")
            time.sleep(_POLL_SECONDS)

    def _error(self, what: str) -> BenchError:
        return BenchError(f"{what}: {self._process.args!r}\n" + "\n".join(self.output.splitlines()[-20:]))


class Processes:
    """Starts processes in the root of the repository, each with a log of its own in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._numbers = itertools.count(1)

    @contextmanager
    def start(
        self, command: Sequence[str], env: Mapping[str, str], *, marks_in: Path | None = None
    ) -> Generator[Child]:
        """`command`, with `env` on top of an environment without what steers lapinq, PostgreSQL or Python."""
        log = self.directory / f"{next(self._numbers)}.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
        marked = {marks.VARIABLE: str(marks_in)} if marks_in else {}
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env={**clean, "PYTHONPATH": str(ROOT), **env, **marked},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Child(process, log)
        finally:
            process.terminate()
            try:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(STOP_SECONDS)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def run(self, command: Sequence[str], env: Mapping[str, str], *, limit: float) -> str:
        """Runs it to the end and returns its output. Raises `BenchError`."""
        with self.start(command, env) as process:
            process.wait(limit)
            return process.output


def free_port() -> int:
    """A port of 127.0.0.1 for a program that can't choose one itself."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]

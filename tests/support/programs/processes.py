"""Real processes: the programs as users start them, on a database of the test's own."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Self

from tests.support.eventually import eventually

REPOSITORY = Path(__file__).parents[3]
START_SECONDS = 30.0
STOP_SECONDS = 45.0

# Short enough that a lost worker is noticed within a test.
QUICK_LEASE = {
    "LAPINQ_HEARTBEAT_INTERVAL": "0.5",
    "LAPINQ_LEASE_SECONDS": "3",
    "LAPINQ_STALE_RECOVERY_INTERVAL": "0.5",
}


class Program:
    """`python -m lapinq ARGUMENTS` as a process; as a context manager it is stopped at the end, gently at first.

    `output` is what it wrote so far, to standard output and error together.
    """

    def __init__(
        self,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._arguments = arguments
        path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(REPOSITORY))))
        self._env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": path, **(env or {})}
        self._cwd = cwd or REPOSITORY
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command(*self._arguments),
            env=self._env,
            cwd=self._cwd,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def command(self, *arguments: str) -> list[str]:
        """What is executed."""
        return [sys.executable, "-m", "lapinq", *arguments]

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def output(self) -> str:
        return os.pread(self._log.fileno(), 10_000_000, 0).decode(errors="replace")

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it with SIGKILL, as a crash would; its children are left to themselves."""
        self.signal(signal.SIGKILL)
        self.wait()

    def wait(self, timeout: float = STOP_SECONDS) -> int:
        """Its exit code, once it has ended."""
        assert self.process is not None
        return self.process.wait(timeout)

    def stop(self) -> int:
        """SIGTERM, and its exit code; SIGKILL and an error when it does not end."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"it did not stop:\n{self.output}") from None

    def said(self, pattern: str, timeout: float = START_SECONDS) -> re.Match[str]:
        """The first match of `pattern` in what it writes, waiting for it."""

        def look() -> re.Match[str] | None:
            found = re.search(pattern, self.output)
            assert self.process is not None
            if found is None and self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.output}")
            return found

        try:
            found = eventually(look, timeout)
        except AssertionError as error:
            raise AssertionError(f"no {pattern!r} in:\n{self.output}") from error
        assert found is not None
        return found


def children_of(pid: int) -> list[int]:
    """The processes that `pid` started, the oldest first."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in listed.split()]


class ApiProcess(Program):
    """`lapinq server` on a free port; `url` is its address once it answers."""

    def __init__(
        self, database: str, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        super().__init__("server", "--port", "0", "--database-url", database, *arguments, env=env, cwd=cwd)
        self.database = database

    @property
    def url(self) -> str:
        return self.said(r"http://[\w.:\[\]]+:\d+").group(0)


@contextmanager
def reserved_port() -> Generator[int]:
    """A port that a server can listen on again and again, and that nobody else gets in between."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


class TlsServer(Program):
    """`create_app` under uvicorn with TLS; `url` is its address once it answers. `certificate` has a key."""

    def __init__(self, database: str, certificate: Path) -> None:
        super().__init__(
            "--factory",
            "lapinq.server:create_app",
            "--port=0",
            "--no-proxy-headers",
            f"--ssl-certfile={certificate}",
            env={"DATABASE_URL": database},
        )

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "uvicorn", *arguments]

    @property
    def url(self) -> str:
        return self.said(r"https://[\w.]+:\d+").group(0)


class WorkerProcess(Program):
    """`lapinq worker`, ready once it has said what it serves."""

    def __init__(
        self, database: str, *arguments: str, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        super().__init__("worker", "--database-url", database, *arguments, env=env, cwd=cwd)

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            self.said(r"worker \S+ serves")
        except BaseException:
            self.__exit__()
            raise
        return self

"""Directories, processes and questions for the tests of the embedded database."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import pytest

from lapinq_core.db.embedded import EmbeddedDatabase, EmbeddedError

AS_ROOT = os.geteuid() == 0

_HOLDER = """
import sys
from pathlib import Path

from lapinq_core.db.embedded import EmbeddedDatabase
with EmbeddedDatabase(Path(sys.argv[1]) if sys.argv[1:] else None).use() as url:
    print(url, flush=True)
    sys.stdin.readline()
"""


@contextmanager
def open_directory() -> Generator[Path]:
    """An empty directory which every user can pass, removed afterwards with the server in its `data`."""
    directory = Path(tempfile.mkdtemp(prefix="lapinq-test-"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        with suppress(EmbeddedError):
            EmbeddedDatabase(directory / "data").stop(force=True)
        shutil.rmtree(directory)


class Holder:
    """A separate process that holds a lease until it is stopped."""

    def __init__(
        self, data_dir: Path | None, *, user: str | None = None, env: dict[str, str] | None = None
    ) -> None:
        """Without `data_dir` it uses the default one. `user` is another user to run as, which takes root."""
        self.process = subprocess.Popen(
            [_python_for(user), "-c", _HOLDER, *([str(data_dir)] if data_dir else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
            env=os.environ | {"PYTHONPATH": _search_path()} | (env or {}),
            start_new_session=True,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
        self.process.__exit__(None, None, None)

    def url(self) -> str:
        """Waits for the lease."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.error()
        return line.strip()

    def leave(self) -> None:
        """Returns when the process has released its lease and ended."""
        _, error = self.process.communicate("\n", timeout=60)
        assert self.process.returncode == 0, error

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def error(self) -> str:
        """What the process says on its way out."""
        assert self.process.stderr is not None
        return self.process.stderr.read()


def _python_for(user: str | None) -> str:
    """An interpreter of our version that `user` can run: ours may lie in a closed home directory."""
    if user is None:
        return sys.executable
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        try:
            done = subprocess.run(
                [python, "-c", "import lapinq_core.db.embedded"],
                env={"PYTHONPATH": _search_path()},
                cwd="/",
                user=user,
                group=pwd.getpwnam(user).pw_gid,
                extra_groups=[],
                check=False,
            )
        except (FileNotFoundError, PermissionError):
            continue
        if done.returncode == 0:
            return python
    pytest.skip(f"the user {user} can run no Python {version}")


def _search_path() -> str:
    return os.pathsep.join(path for path in sys.path if path and not path.startswith(sys.base_prefix + "/"))


def lapinq_db_process(data_dir: Path, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `lapinq db COMMAND --data-dir … ARGUMENTS` as a process."""
    program = 'from lapinq.commands.db import db; db(prog_name="lapinq db")'
    return subprocess.run(
        [sys.executable, "-c", program, command, "--data-dir", str(data_dir), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def server_pid(data_dir: Path) -> int:
    """The process of the running server."""
    pid = EmbeddedDatabase(data_dir).status().pid
    assert pid is not None
    return pid


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has only not been reaped doesn't."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False

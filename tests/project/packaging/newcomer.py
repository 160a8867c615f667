"""`scripts/first-task`: somebody who has just got the address of this repository does what README.md says, in order.

They work in a new home, with the programs of the system and nothing of ours: no virtual environment, no settings, no
cache. Only how to reach a package index is taken from here.
"""

import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.project.docs.guide.blocks import Block, blocks_of
from tests.project.docs.guide.commands import Outputs, steps
from tests.support.programs.embedded import open_directory
from tests.support.programs.packages import ROOT

STEP_SECONDS = 600.0
SERVERS = ("./scripts/serve", "lapinq server")
"""What goes on until it is stopped. The next one stops it, as both use the same port."""
A_FEW_TESTS = "tests/unit/lapinq_core/domain/cron"
"""What `./scripts/test` runs here: all tests would include this one."""

_NETWORK = re.compile(r"(PIP|UV|SSL|CURL|REQUESTS)_|\w+_PROXY$", re.IGNORECASE)


class Newcomer:
    """Runs blocks of README.md in `folder`. What changes the shell, such as `cd`, holds for all that follows."""

    def __init__(self, folder: Path) -> None:
        home = folder / "home"
        home.mkdir()
        self._folder = folder
        self._port = _free_port()
        self._environ = {
            **{name: value for name, value in os.environ.items() if _NETWORK.match(name)},
            "HOME": str(home),
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LAPINQ_DATA_DIR": str(folder / "data"),
            "LAPINQ_PORT": str(self._port),
            "LAPINQ_URL": f"http://127.0.0.1:{self._port}",  # of the program that `lapinq init` writes
        }
        self._entered: list[str] = []
        self._server: subprocess.Popen[str] | None = None
        self._outputs = Outputs()

    def follow(self, block: Block) -> Iterator[tuple[str, float]]:
        """Does what the block shows, and compares the output. Yields each command with the seconds it took."""
        text = block.text.replace("ADDRESS", str(ROOT)).replace("127.0.0.1:8001", f"127.0.0.1:{self._port}")
        if block.language == "python":
            self._run("cat >shop.py", text)
            return
        for command, shown in steps(block._replace(text=text)):
            began = time.monotonic()
            if command.startswith(("cd ", ". ")):
                self._entered.append(command)
                self._run("true")
            elif command.startswith(SERVERS):
                self.stop()
                self._serve(command)
            else:
                command = self._outputs.with_real_ids(command)
                output = self._run(f"{command} {A_FEW_TESTS}" if command == "./scripts/test" else command)
                if shown:
                    self._outputs.compare(block, shown, output)
            yield command, time.monotonic() - began

    def stop(self) -> None:
        """Stops the server that runs, if any."""
        if self._server is None:
            return
        self._server.send_signal(signal.SIGTERM)
        assert self._server.wait(timeout=60) == 0, self._log()
        self._server = None

    def kill(self) -> None:
        """Ends what is left."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()

    def _run(self, command: str, text: str = "") -> str:
        done = subprocess.run(
            self._bash(command),
            cwd=self._folder,
            env=self._environ,
            input=text,
            capture_output=True,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def _serve(self, command: str) -> None:
        """Returns when the server answers."""
        with (self._folder / "server.log").open("w") as log:
            self._server = subprocess.Popen(
                self._bash(f"exec {command}"),
                cwd=self._folder,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        latest = time.monotonic() + STEP_SECONDS
        while not self._answers():
            assert self._server.poll() is None, self._log()
            assert time.monotonic() < latest, self._log()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/readyz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def _bash(self, command: str) -> list[str]:
        return ["bash", "--noprofile", "--norc", "-ec", "\n".join([*self._entered, command])]

    def _log(self) -> str:
        return (self._folder / "server.log").read_text()


@contextmanager
def arrived() -> Generator[Newcomer]:
    """A newcomer in an empty directory, which is removed afterwards."""
    with open_directory() as folder:
        newcomer = Newcomer(folder)
        try:
            yield newcomer
            newcomer.stop()
        finally:
            newcomer.kill()


def path_to_follow() -> list[Block]:
    """The blocks of README.md that work on any machine: those of the sections up to the comparison with others."""
    readme = ROOT / "README.md"
    text = readme.read_text()
    end = text.count("\n", 0, text.index("\n## Why lapinq")) + 1
    return [block for block in blocks_of(readme) if block.line < end]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


if __name__ == "__main__":
    together = 0.0
    with arrived() as newcomer:
        for block in path_to_follow():
            for command, seconds in newcomer.follow(block):
                together += seconds
                print(f"{seconds:6.1f} s  {command}", flush=True)
    print(f"{together:6.1f} s  together")

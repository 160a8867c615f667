"""A Redis of a contender's own, which writes an append-only file as Redis's documentation suggests.

https://redis.io/docs/latest/operate/oss_and_stack/management/persistence: `appendonly yes` with `appendfsync everysec`,
"fast and relatively safe", which loses up to a second of writes in a crash of the machine; `--redis-fsync always`
makes each write as durable as a commit of PostgreSQL.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

from tests.bench.run.processes import BenchError, Processes, free_port

START_SECONDS = 10.0


@contextmanager
def redis_server(processes: Processes, fsync: str) -> Generator[str]:
    """The URL of an empty Redis, gone when the context ends."""
    program = shutil.which("redis-server")
    if program is None:
        raise BenchError("there is no redis-server: the Debian package redis-server has it")
    with tempfile.TemporaryDirectory(dir=processes.directory) as directory:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
        command += ["--appendonly", "yes", "--appendfsync", fsync]
        with processes.start(command, {}) as server:
            url = f"redis://127.0.0.1:{port}/0"
            server.wait_until(lambda: ask(url, "PING") == "PONG", START_SECONDS, "no answer")
            yield url


def ask(url: str, *command: str) -> str:
    """What Redis answers, as redis-cli prints it for programs; "" while it doesn't."""
    done = subprocess.run(["redis-cli", "-u", url, *command], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def redis_facts() -> dict[str, str]:
    """The version of the server's program."""
    if (program := shutil.which("redis-server")) is None:
        return {}
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return {"version": next(word[2:] for word in said.split() if word.startswith("v="))}

"""The packages that are published, as built from this tree, and programs run outside of it."""

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[3]
RUN_SECONDS = 600


def build(target: Path) -> Path:
    """Builds the source distribution, and the wheel of that, in `target`; what is published is built the same way.

    LAPINQ_TEST_DIST names a directory with the two: then what lies there is tested, and nothing is built.
    LAPINQ_TEST_SCRATCH names the folder of a run of several processes: they build once, there.
    """
    if given := os.environ.get("LAPINQ_TEST_DIST"):
        return Path(given)
    if scratch := os.environ.get("LAPINQ_TEST_SCRATCH"):
        return _built_once(Path(scratch, "dist"))
    return built_here(target)


def _built_once(target: Path) -> Path:
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return target if any(target.glob("*.whl")) else built_here(target)


def built_here(target: Path) -> Path:
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT))
    return target


def wheel_in(directory: Path) -> Path:
    (path,) = directory.glob("*.whl")
    return path


def sdist_in(directory: Path) -> Path:
    (path,) = directory.glob("*.tar.gz")
    return path


def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """What the program prints; its errors fail the test."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=outside(env or {}),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def outside(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment without what leads into this project."""
    ours = re.compile(r"PYTHON|VIRTUAL_ENV|LAPINQ_|DATABASE_URL|PYTEST|SOURCE_DATE_EPOCH")
    return {name: value for name, value in os.environ.items() if not ours.match(name)} | dict(extra)


def install(place: Path, *arguments: str) -> None:
    """Into the virtual environment at `place`."""
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python")]
    # Python compiles the few modules that it imports; pip would compile every one.
    run(*pip, "install", "--quiet", "--disable-pip-version-check", "--no-compile", *arguments)


@contextmanager
def served(programs: Path, env: Mapping[str, str], cwd: Path, *flags: str) -> Generator[str]:
    """The address of a server with a worker, of the package that is installed with `programs`."""
    errors = cwd / "stderr"
    with (
        errors.open("w") as log,
        subprocess.Popen(
            [str(programs / "lapinq"), "server", "--worker", "--port", "0", *flags],
            env=outside(env),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            said = server.stdout.readline()
            address = re.search(r"http://\S+", said)
            assert address, said + errors.read_text()
            yield address[0]
        finally:
            server.terminate()
            server.wait(timeout=30)
    assert server.returncode == 0, errors.read_text()

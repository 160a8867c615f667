"""`scripts/tools.sh` gets the tools of ./scripts/check --deploy where it can, and tells where it can't."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WANT = """. scripts/venv.sh
. scripts/tools.sh
if want_debian pack tool; then echo "it is there"; else echo "it is not"; fi"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Programs of a machine without `tool`, where root asks: `apt-get install` brings it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs / "id", "echo 0")
    brings = f'printf "#!/bin/sh\\n" >"{programs}/tool"; chmod +x "{programs}/tool"'
    program(programs / "apt-get", f'echo "apt-get $*"; [ "$1" = update ] || {{ {brings}; }}')
    return programs


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def want(machine: Path) -> subprocess.CompletedProcess[str]:
    """What a script says that wants the program `tool` of the package `pack` on `machine`."""
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", WANT, "check-deploy"],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_root_gets_it_once(machine: Path) -> None:
    done = want(machine)
    assert done.stdout == "it is there\n"
    said = done.stderr.splitlines()
    assert said[0] == "check-deploy: installing the Debian package pack"
    assert said[1:] == ["apt-get update", "apt-get install --yes --no-install-recommends pack"]
    assert want(machine).stderr == ""


def test_others_get_it_by_a_sudo_that_asks_nothing(machine: Path) -> None:
    program(machine / "id", "echo 1000")
    program(machine / "sudo", '[ "$1" = -n ] && shift && exec "$@"')
    assert want(machine).stdout == "it is there\n"


def test_who_may_not_install_goes_without(machine: Path) -> None:
    program(machine / "id", "echo 1000")
    program(machine / "sudo", 'echo "a password is required" >&2; exit 1')
    done = want(machine)
    assert (done.stdout, done.stderr) == ("it is not\n", "")


@pytest.mark.parametrize("failing", ["update", "install"])
def test_an_installation_that_fails_is_told(machine: Path, failing: str) -> None:
    program(machine / "apt-get", f'[ "$1" != {failing} ] || {{ echo "no network" >&2; exit 100; }}')
    done = want(machine)
    assert done.stdout == "it is not\n"
    assert "no network" in done.stderr
    assert "could not install the Debian package pack" in done.stderr

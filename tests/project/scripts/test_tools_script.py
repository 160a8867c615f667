"""`scripts/tools.sh` gets the tools of ./scripts/check --deploy where it can, and tells where it can't."""

from pathlib import Path

import pytest

from tests.project.scripts.machine import NO_NETWORK, Machine

WANT = """. scripts/venv.sh
. scripts/tools.sh
if want_debian pack tool; then echo "it is there"; else echo "it is not"; fi"""
"""Wants the program `tool` of the package `pack`."""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One without `tool`: `apt-get install` brings it."""
    tool = tmp_path / "bin" / "tool"
    return Machine(tmp_path, f'printf "#!/bin/sh\\n" >"{tool}"; chmod +x "{tool}"')


def test_root_gets_it_once(machine: Machine) -> None:
    done = machine.run(WANT)
    assert (done.returncode, done.stdout) == (0, "it is there\n")
    said = done.stderr.splitlines()
    assert said[0] == "test: installing the Debian package pack"
    assert said[1:] == ["apt-get update", "apt-get install --yes --no-install-recommends pack"]
    assert machine.run(WANT).stderr == ""


def test_others_get_it_by_a_sudo_that_asks_nothing_or_go_without(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("sudo", 'echo "a password is required" >&2; exit 1')
    done = machine.run(WANT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "it is not\n", "")
    machine.program("sudo", '[ "$1" = -n ] && shift && exec "$@"')
    assert machine.run(WANT).stdout == "it is there\n"


@pytest.mark.parametrize("failing", ["update", "install"])
def test_an_installation_that_fails_is_told(machine: Machine, failing: str) -> None:
    machine.program("apt-get", NO_NETWORK.format(failing))
    done = machine.run(WANT)
    assert (done.returncode, done.stdout) == (0, "it is not\n")
    assert "no network" in done.stderr
    assert "could not install the Debian package pack" in done.stderr

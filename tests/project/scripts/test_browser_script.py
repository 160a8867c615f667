"""`scripts/browser.sh` gets a browser where it can, says what it does, and stops nobody who can do without."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support.pages import browser

ROOT = Path(__file__).parents[3]
WANT = '. scripts/venv.sh; . scripts/browser.sh; want_browser; echo "and the tests run"'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Programs of a machine without browser, where root asks: `apt-get install` brings one."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program(
        programs / "python", f'[ -e "{tmp_path}/browser" ] || {{ echo "there is no browser" >&2; exit 1; }}'
    )
    program(programs / "id", "echo 0")
    program(programs / "apt-get", f'echo "apt-get $*"; [ "$1" = update ] || touch "{tmp_path}/browser"')
    return programs


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def want(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a script says that wants a browser on `machine`."""
    ours = {"CI", "LAPINQ_TEST_BROWSER"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", WANT, "test"],
        cwd=ROOT,
        env=kept | variables | {"PATH": f"{machine}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_root_gets_one(machine: Path) -> None:
    done = want(machine)
    assert done.returncode == 0
    said = done.stderr.splitlines()
    assert said[0] == "test: installing the Debian package chromium-headless-shell, for the browser tests"
    assert "apt-get update" in said
    assert any(
        line.startswith("apt-get install --yes") and "chromium-headless-shell" in line for line in said
    )
    assert done.stdout == "and the tests run\n"
    assert want(machine).stderr == ""


def test_where_there_is_none_without_windows_one_with_windows_is_taken(machine: Path) -> None:
    with (machine / "apt-get").open("a") as script:
        script.write('case "$*" in *headless*) rm "$(dirname "$0")/../browser"; exit 100;; esac\n')
    done = want(machine)
    assert done.returncode == 0
    assert any(re.match(r"apt-get install .* chromium ", line) for line in done.stderr.splitlines())
    assert done.stdout == "and the tests run\n"


def test_others_are_told_how_to_get_one(machine: Path) -> None:
    program(machine / "id", "echo 1000")
    done = want(machine)
    assert done.returncode == 0
    assert "apt-get install chromium-headless-shell" in done.stderr
    assert "left out" in done.stderr
    assert done.stdout == "and the tests run\n"


def test_a_browser_that_was_named_in_vain_is_not_replaced(machine: Path) -> None:
    done = want(machine, LAPINQ_TEST_BROWSER="/nowhere")
    assert done.returncode == 0
    assert "installing" not in done.stderr


@pytest.mark.parametrize("failing", ["update", "install"])
def test_an_installation_that_fails_is_told_and_matters_where_it_is_demanded(
    machine: Path, failing: str
) -> None:
    program(machine / "apt-get", f'[ "$1" != {failing} ] || {{ echo "no network" >&2; exit 100; }}')
    done = want(machine)
    assert done.returncode == 0
    assert "no network" in done.stderr
    assert "could not install a Chromium of Debian" in done.stderr
    demanded = want(machine, CI="true")
    assert demanded.returncode == 1
    assert demanded.stdout == ""


def test_a_named_browser_is_taken_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program(tmp_path / "chrome", "exit 0")
    monkeypatch.setenv("LAPINQ_TEST_BROWSER", str(tmp_path / "chrome"))
    assert browser.find() == str(tmp_path / "chrome")
    monkeypatch.setenv("LAPINQ_TEST_BROWSER", str(tmp_path / "nothing"))
    assert browser.find() is None

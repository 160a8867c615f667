"""`scripts/browser.sh` gets a browser where it can, says what it does, and stops nobody who can do without."""

import re
from pathlib import Path

import pytest

from tests.project.scripts.machine import NO_NETWORK, Machine
from tests.support.pages import browser

WANT = '. scripts/venv.sh; . scripts/browser.sh; want_browser; echo "and the tests run"'
RUN = "and the tests run\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One without browser: `apt-get install` brings it."""
    made = Machine(tmp_path, f'touch "{tmp_path}/browser"')
    made.program("python", f'[ -e "{tmp_path}/browser" ] || {{ echo "there is no browser" >&2; exit 1; }}')
    return made


def test_root_gets_one(machine: Machine) -> None:
    done = machine.run(WANT)
    assert (done.returncode, done.stdout) == (0, RUN)
    said = done.stderr.splitlines()
    assert said[0] == "test: installing the Debian package chromium-headless-shell, for the browser tests"
    assert "apt-get update" in said
    assert re.search(r"^apt-get install --yes.* chromium-headless-shell", done.stderr, re.MULTILINE)
    assert machine.run(WANT).stderr == ""


def test_where_there_is_none_without_windows_one_with_windows_is_taken(machine: Machine) -> None:
    with (machine.programs / "apt-get").open("a") as script:
        script.write('case "$*" in *headless*) rm "$(dirname "$0")/../browser"; exit 100;; esac\n')
    done = machine.run(WANT)
    assert (done.returncode, done.stdout) == (0, RUN)
    assert re.search(r"^apt-get install .* chromium ", done.stderr, re.MULTILINE)


def test_others_are_told_how_to_get_one_and_one_that_was_named_in_vain_is_not_replaced(
    machine: Machine,
) -> None:
    named = machine.run(WANT, LAPINQ_TEST_BROWSER="/nowhere")
    assert named.returncode == 0
    assert "installing" not in named.stderr
    machine.program("id", "echo 1000")
    done = machine.run(WANT)
    assert (done.returncode, done.stdout) == (0, RUN)
    assert "apt-get install chromium-headless-shell" in done.stderr
    assert "left out" in done.stderr


@pytest.mark.parametrize("failing", ["update", "install"])
def test_an_installation_that_fails_is_told_and_matters_where_it_is_demanded(
    machine: Machine, failing: str
) -> None:
    machine.program("apt-get", NO_NETWORK.format(failing))
    done = machine.run(WANT)
    assert done.returncode == 0
    assert "no network" in done.stderr
    assert "could not install a Chromium of Debian" in done.stderr
    demanded = machine.run(WANT, CI="true")
    assert (demanded.returncode, demanded.stdout) == (1, "")


def test_a_named_browser_is_taken_and_nothing_else(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.program("chrome", "exit 0")
    monkeypatch.setenv("LAPINQ_TEST_BROWSER", str(machine.programs / "chrome"))
    assert browser.find() == str(machine.programs / "chrome")
    monkeypatch.setenv("LAPINQ_TEST_BROWSER", str(machine.programs / "nothing"))
    assert browser.find() is None

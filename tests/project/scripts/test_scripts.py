"""The scripts work from a fresh clone, for root and for others, with every Python there is."""

import os
import pwd
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.programs.embedded import open_directory

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted(
    path
    for path in [*(ROOT / "scripts").iterdir(), ROOT / ".ci" / "run"]
    if path.is_file() and path.suffix != ".py"
)
PYTHONS = [f"python3.{minor}" for minor in (11, 12, 13, 14)]
AS_ROOT = os.geteuid() == 0
PREPARE_SECONDS = 600


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.fixture
def clone() -> Generator[Path]:
    """A clone of the last commit, in a directory that every user can pass."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no clone to clone from")
    with open_directory() as directory:
        place = directory / "clone with a space"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
        yield place


@pytest.mark.parametrize("path", SCRIPTS, ids=name_of)
def test_a_script_is_valid_and_can_be_called(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)
    is_sourced = path.suffix == ".sh"
    assert bool(path.stat().st_mode & stat.S_IXUSR) is not is_sourced
    text = path.read_text()
    assert is_sourced or text.startswith("#!/usr/bin/env bash\n#")
    assert is_sourced or ("/venv.sh" in text) == ("\nenter_venv " in text)


def test_what_runs_on_every_change_checks_and_tests() -> None:
    text = (ROOT / ".ci" / "run").read_text()
    assert text.index("./scripts/check") < text.index("./scripts/test")
    oldest = re.findall(r"^oldest=(\S+)$", text, re.MULTILINE)
    assert oldest == PYTHONS[:1]
    assert [path for path in re.findall(r"\btests/[\w/.]+", text) if not (ROOT / path).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("python", PYTHONS)
def test_tests_run_in_a_fresh_clone(clone: Path, python: str) -> None:
    if not works(python):
        pytest.skip(f"{python} isn't there")
    done = run(clone, "test", "tests/unit/lapinq_core/domain", PYTHON=python)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        r"\d+ passed, \d+ deselected in", done.stdout.splitlines()[-1]
    )  # the slow ones are left out
    assert (clone / f".venv-{python.removeprefix('python')}").is_dir()
    again = run(clone, "test", "tests/unit/lapinq_core/domain", PYTHON=python, PIP_NO_INDEX="1")
    assert again.returncode == 0
    assert "preparing" not in again.stderr


@pytest.mark.slow
@pytest.mark.skipif(not AS_ROOT, reason="takes root to become somebody else")
def test_an_ordinary_user_can_run_the_tests(clone: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    for path in (clone, *clone.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
    done = run(
        clone,
        "test",
        "tests/unit/lapinq_core/domain",
        "tests/integration/tasks/attempts/test_claim.py",
        user="nobody",
        HOME=str(clone),
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_two_scripts_at_once_make_one_environment(clone: Path) -> None:
    commands = [[str(clone / "scripts" / "test"), "--version"] for _ in range(2)]
    both = [
        subprocess.Popen(command, env=outside({}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for command in commands
    ]
    output = [process.communicate(timeout=PREPARE_SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], output
    assert sum("preparing" in errors for _, errors in output) == 1


def run(
    clone: Path, script: str, *arguments: str, user: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs the script from another directory than its own."""
    return subprocess.run(
        [str(clone / "scripts" / script), *arguments],
        cwd="/",
        env=outside(variables),
        user=user,
        group=pwd.getpwnam(user).pw_gid if user else None,
        extra_groups=[] if user else None,
        capture_output=True,
        text=True,
        timeout=PREPARE_SECONDS,
        check=False,
    )


def outside(variables: dict[str, str]) -> dict[str, str]:
    """The environment of somebody who is not in our virtual environment."""
    ours = {"PYTHON", "PYTHONPATH", "VIRTUAL_ENV"}
    path = os.pathsep.join(
        part for part in os.environ["PATH"].split(os.pathsep) if not part.startswith(sys.prefix)
    )
    return (
        {name: value for name, value in os.environ.items() if name not in ours} | {"PATH": path} | variables
    )


def works(python: str) -> bool:
    try:
        found = subprocess.run([python, "-c", "import ensurepip, venv"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return found.returncode == 0

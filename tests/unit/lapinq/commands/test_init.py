"""`lapinq init` writes a project that passes its tests and checks, and replaces no file."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from lapinq.cli import cli
from lapinq_core.domain.version import __version__
from lapinq_core.runtime.settings import Settings, variable

FILES = {
    *("tasks.py", "enqueue.py", "tests/test_tasks.py", "pyproject.toml"),
    *("compose.yaml", "Dockerfile", ".gitignore", "README.md"),
}


def init(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["init", *map(str, arguments)])


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("init") / "My Shop"
    assert init(place).exit_code == 0
    return place


def files_in(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


def test_its_own_tests_pass(project: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(project, tmp_path / "copy")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "lapinq.testing.plugin"]
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others are slow to import
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_its_code_passes_ruff(project: Path) -> None:
    # pyright looks at the templates with the rest of the code.
    for command in (["check", "--select", "E,F,I,B,UP"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache"],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_it_has_these_files_and_no_place_left_to_fill_in(project: Path) -> None:
    written = files_in(project)
    assert set(written) == FILES
    assert not [name for name, text in written.items() if re.search(r"@[A-Z]+@", text)]
    about = tomllib.loads(written["pyproject.toml"])["project"]
    assert (about["name"], about["dependencies"]) == ("my-shop", [f"lapinq>={__version__}"])


def test_what_compose_starts_exists(project: Path) -> None:
    compose: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text())
    ours = {name: service for name, service in compose["services"].items() if service.get("build") == "."}
    assert [service["command"][1] for service in ours.values()] == ["server", "worker", "scheduler"]
    for service in ours.values():
        parse(service["command"])
        assert set(service["environment"]) <= {variable(field) for field in Settings.__struct_fields__}


def parse(words: list[str]) -> None:
    """Complains of commands and flags that lapinq doesn't have, and of values that they don't take."""
    assert words[0] == "lapinq"
    found = cli.get_command(click.Context(cli), words[1])
    assert found is not None
    found.make_context(words[1], words[2:])


def test_what_it_says_to_type_can_be_typed(project: Path) -> None:
    told = [*re.findall(r"^\$ (.*)$", (project / "README.md").read_text(), re.MULTILINE)]
    assert told == ["lapinq server --worker --scheduler --schedules tasks", "python enqueue.py Ada", "pytest"]
    parse(told[0].split())


def test_the_modules_that_it_names_are_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(project), *sys.path])
    for name in ("enqueue", "tasks"):
        assert importlib.import_module(name).__file__ == str(project / f"{name}.py")
        monkeypatch.delitem(sys.modules, name)


def test_it_tells_what_it_wrote_and_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = init("a b").output
    assert all(f"wrote a b/{name}\n" in said for name in FILES)
    assert "  cd 'a b'\n  lapinq server --worker" in said
    monkeypatch.chdir(tmp_path / "a b")
    for path in Path().rglob("*.*"):
        path.unlink()
    Path("Dockerfile").unlink()
    assert "cd " not in init().output
    shown = json.loads(init("--json", tmp_path / "new/one").output)
    assert shown["directory"] == str(tmp_path / "new/one")
    assert set(shown["files"]) == FILES == set(files_in(tmp_path / "new/one"))


def test_no_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "tasks.py").write_text("mine")
    (tmp_path / "README.md").symlink_to("nowhere")
    done = init(tmp_path)
    assert done.exit_code == 1
    assert "nothing was written, because it would replace" in done.output
    assert f"{tmp_path}/tasks.py, {tmp_path}/README.md" in done.output
    assert files_in(tmp_path) == {"tasks.py": "mine"}


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("file", 2, "is a file"),
        ("file/inside", 1, "Not a directory"),
        ("***", 2, "'***' has no letter"),
        ("Lapinq", 2, "can't be called lapinq"),
    ],
)
def test_a_directory_that_can_not_be_used_is_refused(
    name: str, code: int, message: str, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = init(tmp_path / name)
    assert (done.exit_code, message in done.output) == (code, True), done.output
    assert files_in(tmp_path) == {"file": ""}

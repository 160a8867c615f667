"""`lapinq init` writes a project that passes its tests and checks, and replaces no file."""

import importlib
import json
import os
import re
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


def test_its_own_tests_and_checks_pass(tmp_path: Path) -> None:
    assert init(tmp_path).exit_code == 0
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # others are slow to import
    for module, *arguments in (
        # pyright looks at the templates with the rest of the code.
        ("ruff", "check", "--select", "E,F,I,B,UP", "--isolated", "--no-cache"),
        ("ruff", "format", "--check", "--isolated", "--no-cache"),
        ("pytest", "-q", "-p", "lapinq.testing.plugin"),
    ):
        command = [sys.executable, "-m", module, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_it_has_these_files_and_no_place_left_to_fill_in(project: Path) -> None:
    written = files_in(project)
    assert set(written) == FILES
    assert not [name for name, text in written.items() if re.search(r"@[A-Z]+@", text)]
    about = tomllib.loads(written["pyproject.toml"])["project"]
    assert (about["name"], about["dependencies"]) == ("my-shop", [f"lapinq>={__version__}"])


def test_what_compose_starts_and_the_readme_says_to_type_exists(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text())
    ours = {name: service for name, service in compose["services"].items() if service.get("build") == "."}
    assert [service["command"][1] for service in ours.values()] == ["server", "worker", "scheduler"]
    for service in ours.values():
        parse(service["command"])
        assert set(service["environment"]) <= {variable(field) for field in Settings.__struct_fields__}
    told = [*re.findall(r"^\$ (.*)$", (project / "README.md").read_text(), re.MULTILINE)]
    assert told == ["lapinq server --worker --scheduler --schedules tasks", "python enqueue.py Ada", "pytest"]
    parse(told[0].split())
    monkeypatch.setattr(sys, "path", [str(project), *sys.path])
    for name in ("enqueue", "tasks"):
        assert importlib.import_module(name).__file__ == str(project / f"{name}.py")
        monkeypatch.delitem(sys.modules, name)


def parse(words: list[str]) -> None:
    """Complains of commands and flags that lapinq doesn't have, and of values that they don't take."""
    assert words[0] == "lapinq"
    found = cli.get_command(click.Context(cli), words[1])
    assert found is not None
    found.make_context(words[1], words[2:])


def test_it_tells_what_it_wrote_and_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = init("a b").output
    assert all(f"wrote a b/{name}\n" in said for name in FILES)
    assert "  cd 'a b'\n  lapinq server --worker" in said
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
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
    for name, code, message in (
        ("tasks.py", 2, "is a file"),
        ("tasks.py/inside", 1, "Not a directory"),
        ("***", 2, "'***' has no letter"),
        ("Lapinq", 2, "can't be called lapinq"),
    ):
        done = init(tmp_path / name)
        assert (done.exit_code, message in done.output) == (code, True), done.output
    assert files_in(tmp_path) == {"tasks.py": "mine"}

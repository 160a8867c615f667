"""What is built is complete, and works where nothing else of ours is."""

import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from email.parser import Parser
from pathlib import Path
from typing import Any

import httpx
import pytest

from lapinq_core.domain.version import __version__
from tests.support import postgres
from tests.support.eventually import eventually
from tests.support.people import log_in

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "lapinq",
    "lapinq_core",
    "lapinq_api",
    "lapinq_worker",
    "lapinq_scheduler",
    "lapinq_migrations",
}
INSTALL_SECONDS = 600


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the source distribution, and the wheel that was made of it."""
    target = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(target), str(ROOT))
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a virtual environment that holds the wheel and what it asks for, and nothing else."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, with_pip=True)
    run(
        str(place / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        str(wheel),
    )
    return place / "bin"


@pytest.fixture
def empty(postgres_url: str) -> Generator[str]:
    """The URL of a database with nothing in it."""
    with postgres.private_database(postgres_url) as url:
        yield url


def run(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """What the program prints; its errors fail the test."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=outside(env or {}),
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def outside(extra: dict[str, str]) -> dict[str, str]:
    """The environment without what leads into this project."""
    ours = re.compile(r"PYTHON|VIRTUAL_ENV|LAPINQ_|DATABASE_URL|PYTEST")
    return {name: value for name, value in os.environ.items() if not ours.match(name)} | extra


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert tops == PACKAGES | {f"lapinq-{__version__}.dist-info"}


def test_the_wheel_holds_every_file_of_the_packages(wheel: Path) -> None:
    # SQL, migrations, templates, static files and the markers for type checkers among them.
    folders = [ROOT, ROOT / "services", ROOT / "migrations"]
    wanted = {
        str(path.relative_to(folder))
        for folder in folders
        for package in PACKAGES
        for path in (folder / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert wanted <= set(zipfile.ZipFile(wheel).namelist())
    assert {Path(name).suffix for name in wanted} >= {".py", ".sql", ".html", ".css", ".js", ".svg"}
    assert "lapinq/py.typed" in wanted
    assert "lapinq_migrations/versions/0001_foundation.sql" in wanted


def test_the_wheel_holds_the_licences_of_what_others_made(wheel: Path) -> None:
    vendored = "lapinq_api/static/vendor"
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{vendored}/idiomorph.LICENSE.txt", f"{vendored}/uPlot.LICENSE.txt"} <= names


def test_the_metadata_says_who_we_are(wheel: Path) -> None:
    text = zipfile.ZipFile(wheel).read(f"lapinq-{__version__}.dist-info/METADATA").decode()
    metadata = Parser().parsestr(text)
    assert metadata["Name"] == "lapinq"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert "A task queue" in metadata.get_payload()
    assert "embedded" in metadata.get_all("Provides-Extra", [])


def test_the_source_distribution_can_run_the_tests(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "tests/conftest.py", "docs/schema.sql"} <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "dist/"))]


def test_an_installed_lapinq_says_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(str(installed / "lapinq"), "--version", cwd=tmp_path).split()[-1] == __version__
    assert (
        run(str(installed / "python"), "-m", "lapinq", "--version", cwd=tmp_path).split()[-1] == __version__
    )
    for program in ("lapinq-api", "lapinq-worker", "lapinq-scheduler"):
        assert "--database-url" in run(str(installed / program), "--help", cwd=tmp_path)


def test_an_installed_lapinq_runs_a_task(installed: Path, empty: str, tmp_path: Path) -> None:
    assert "schema is at" in run(
        str(installed / "lapinq"), "migrate", env={"DATABASE_URL": empty}, cwd=tmp_path
    )
    with served(installed, empty, tmp_path) as address:
        task = call(
            f"{address}api/v1/enqueue", {"module_path": "math", "task_name": "factorial", "args": [20]}
        )
        result = f"{address}api/v1/tasks/{task['task_id']}/result"
        assert eventually(lambda: call(result).get("result"), timeout=30) == "2432902008176640000"
        with httpx.Client(base_url=address, trust_env=False) as browser:
            log_in(browser)
            assert "factorial" in browser.get("/tasks").text


@contextmanager
def served(installed: Path, database: str, cwd: Path) -> Generator[str]:
    """The address of a server with a worker, of the installed package."""
    errors = cwd / "stderr"
    with (
        errors.open("w") as log,
        subprocess.Popen(
            [str(installed / "lapinq"), "server", "--worker", "--port", "0"],
            env=outside({"DATABASE_URL": database}),
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


def call(url: str, body: object = None) -> dict[str, Any]:
    """The JSON that comes back."""
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)

"""The wheel works where nothing else of ours is.

Once with what it depends on taken from here, which shows that it is whole and needs no network. And once as users do
it: into an empty environment, from the package index.
"""

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import venv
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lapinq_core.domain.version import __version__
from tests.project.packaging import newcomer
from tests.support.database import postgres
from tests.support.eventually import eventually
from tests.support.http.people import log_in
from tests.support.programs.embedded import open_directory
from tests.support.programs.packages import ROOT, build, install, run, served, wheel_in

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_in(build(tmp_path_factory.mktemp("dist")))


@pytest.fixture(scope="module")
def beside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, and sees the packages that are installed here."""
    place = tmp_path_factory.mktemp("beside") / "venv"
    venv.create(place)
    install(place, "--no-deps", "--no-index", str(wheel))
    site = run(str(place / "bin/python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    # Comes behind its own; the link to this clone that stands there isn't followed.
    (Path(site.strip()) / "those_here.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return place / "bin"


@pytest.fixture(scope="module")
def index() -> None:
    """Skips what needs the package index where it can't be reached."""
    if not os.environ.get("CI") and not index_answers():
        pytest.skip("the package index can't be reached")


@pytest.fixture(scope="module")
def from_index(index: None, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel and what it asks for, and nothing else."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place)
    install(place, f"{wheel}[embedded]")
    return place / "bin"


@pytest.fixture
def empty(postgres_url: str) -> Generator[str]:
    """The URL of a database with nothing in it."""
    with postgres.private_database(postgres_url) as url:
        yield url


def index_answers() -> bool:
    asked = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--no-cache-dir", "tzdata"]
    command = [sys.executable, "-m", "pip", "--quiet", "--retries", "0", "--timeout", "10", *asked]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_it_is_the_wheel_that_is_tried(beside: Path, tmp_path: Path) -> None:
    where = "import lapinq, lapinq_api, lapinq_migrations as m; print(lapinq.__file__, lapinq_api.__file__, m.__file__)"
    places = run(str(beside / "python"), "-c", where, cwd=tmp_path).split()
    assert len(places) == 3
    assert all(place.startswith(f"{beside.parent}/lib/") for place in places)


def test_it_says_its_version(beside: Path, tmp_path: Path) -> None:
    assert run(str(beside / "lapinq"), "--version", cwd=tmp_path).split()[-1] == __version__
    assert run(str(beside / "python"), "-m", "lapinq", "--version", cwd=tmp_path).split()[-1] == __version__
    for program in ("lapinq-api", "lapinq-worker", "lapinq-scheduler"):
        assert "--database-url" in run(str(beside / program), "--help", cwd=tmp_path)


def test_it_runs_a_task(beside: Path, empty: str, tmp_path: Path) -> None:
    database = {"DATABASE_URL": empty}
    assert "schema is at" in run(str(beside / "lapinq"), "migrate", env=database, cwd=tmp_path)
    with served(beside, database, tmp_path) as address:
        assert ran_a_task(address)
        with httpx.Client(base_url=address, trust_env=False) as browser:
            log_in(browser)
            assert "factorial" in browser.get("/tasks").text


@pytest.mark.slow
def test_installed_from_the_index_a_new_project_runs_its_task_without_any_set_up(from_index: Path) -> None:
    with open_directory() as place:
        run(str(from_index / "lapinq"), "init", "demo", cwd=place)
        project = place / "demo"
        # With no database named: the embedded one.
        with served(from_index, {"LAPINQ_DATA_DIR": str(place / "data")}, project) as address:
            enqueued = run(
                str(from_index / "python"), "enqueue.py", "Ada", env={"LAPINQ_URL": address}, cwd=project
            )
        assert enqueued == "Hello, Ada!\n"
        assert (place / "data" / "pgdata" / "PG_VERSION").exists()


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no clone to clone from")
def test_a_newcomer_can_follow_the_readme(index: None) -> None:
    with newcomer.arrived() as somebody:
        followed = [command for block in newcomer.path_to_follow() for command, _ in somebody.follow(block)]
    assert [command.split()[0] for command in followed[:4]] == [
        "git",
        "cd",
        "./scripts/serve",
        "./scripts/test",
    ]
    assert "python shop.py" in followed


def ran_a_task(address: str) -> bool:
    call = {"module_path": "math", "task_name": "factorial", "args": [20]}
    task = ask(f"{address}api/v1/enqueue", call)
    result = f"{address}api/v1/tasks/{task['task_id']}/result"
    return eventually(lambda: ask(result).get("result"), timeout=30) == "2432902008176640000"


def ask(url: str, body: object = None) -> dict[str, Any]:
    """The JSON that comes back."""
    request = urllib.request.Request(
        url,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)

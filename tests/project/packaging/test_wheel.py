"""What is built is complete, and holds nothing else."""

import os
import re
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from hashlib import sha256
from pathlib import Path

import pytest

from lapinq_core.domain.version import __version__
from tests.support.programs.packages import ROOT, build, built_here, run, sdist_in, wheel_in

PACKAGES = {"lapinq", *(f"lapinq_{part}" for part in ("core", "api", "worker", "scheduler", "migrations"))}
INFO = f"lapinq-{__version__}.dist-info"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory with the source distribution, and the wheel that was made of it."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return wheel_in(built)


def metadata(wheel: Path) -> Message:
    return Parser().parsestr(zipfile.ZipFile(wheel).read(f"{INFO}/METADATA").decode())


def test_the_wheel_holds_every_file_of_our_packages_and_nothing_else(wheel: Path) -> None:
    # No tests, no scripts, no deploy; but SQL, migrations, templates, static files and markers for type checkers.
    held = zipfile.ZipFile(wheel).namelist()
    assert {name.partition("/")[0] for name in held} == PACKAGES | {INFO}
    wanted = {
        str(path.relative_to(folder))
        for folder in (ROOT, ROOT / "services", ROOT / "migrations")
        for package in PACKAGES
        for path in (folder / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert wanted <= set(held)
    assert {Path(name).suffix for name in wanted} >= {".py", ".sql", ".html", ".css", ".js", ".svg"}
    assert {"lapinq/py.typed", "lapinq_migrations/versions/baseline/tasks.sql"} <= wanted


def test_the_licences_come_along_ours_and_those_of_what_others_made(built: Path, wheel: Path) -> None:
    others = {path.name for path in (ROOT / "services/lapinq_api/static/vendor").glob("*.LICENSE.txt")}
    assert others >= {"idiomorph.LICENSE.txt", "uPlot.LICENSE.txt"}
    ours = {"LICENSE", *(f"services/lapinq_api/static/vendor/{name}" for name in others)}
    assert ours <= set(names_in(sdist_in(built)))
    # Where tools look for them, and beside what they are of.
    beside = {f"lapinq_api/static/vendor/{name}" for name in others}
    assert beside | {f"{INFO}/licenses/{name}" for name in ours} <= set(zipfile.ZipFile(wheel).namelist())


def test_the_metadata_says_who_we_are_and_leads_to_the_project(wheel: Path) -> None:
    told = metadata(wheel)
    assert told["Name"] == "lapinq"
    assert told["Version"] == __version__
    assert told["License-Expression"] == "MIT"
    assert told["Requires-Python"] == ">=3.11"
    assert told["Description-Content-Type"] == "text/markdown"
    assert "A task queue" in told.get_payload()
    assert "embedded" in told.get_all("Provides-Extra", [])
    urls = dict(each.split(", ") for each in told.get_all("Project-URL", []))
    assert set(urls) == {"Source", "Documentation", "Changelog", "Issues", "Security"}
    files = {name: re.search(r"/blob/main/(.+)$", url) for name, url in urls.items()}
    assert {name for name, found in files.items() if found} == {"Changelog", "Security"}
    assert all((ROOT / found[1]).is_file() for found in files.values() if found)


def test_the_links_of_its_page_on_the_index_are_absolute(wheel: Path) -> None:
    # Those of README.md, which tests/project/docs follows, are relative where they lead to a file of the repository.
    page = str(metadata(wheel).get_payload())
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", page)
    ours = "https://github.com/lapinq/lapinq"
    assert [link for _, link in links if not link.startswith("https://")] == []
    assert [link for image, link in links if image] == [
        f"{ours}/raw/main/docs/images/dashboard/overview-light.png"
    ]
    assert f"({ours}/blob/main/docs/guide/tasks.md#what-arrives)" in page
    assert "(https://docs.celeryq.dev)" in page


def test_the_source_distribution_can_run_the_tests(built: Path) -> None:
    names = set(names_in(sdist_in(built)))
    assert {"pyproject.toml", "LICENSE", "README.md", "tests/conftest.py", "docs/schema.sql"} <= names
    assert not [name for name in names if name.startswith((".venv", ".git/", "dist/"))]


@pytest.mark.slow
def test_built_once_more_and_without_the_detour_it_is_the_same_to_the_byte(
    built: Path, tmp_path: Path
) -> None:
    # What others built may be of another version of the tools.
    first = built_here(tmp_path / "first") if "LAPINQ_TEST_DIST" in os.environ else built
    second = tmp_path / "second"
    run(sys.executable, "-m", "hatchling", "build", "--directory", str(second), cwd=ROOT)
    assert len(digests(first)) == 2
    assert digests(second) == digests(first)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def names_in(path: Path) -> list[str]:
    """The files of a source distribution, by their place in the clone."""
    with tarfile.open(path) as archive:
        return [name.partition("/")[2] for name in archive.getnames()]

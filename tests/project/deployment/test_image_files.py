"""What can be told of the images without building them; `./scripts/image` builds and runs them."""

import json
import re
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lapinq_core.domain.version import __version__
from lapinq_core.runtime.settings import load_settings

ROOT = Path(__file__).parents[3]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().splitlines()
PAGE = (ROOT / "docs" / "operate" / "containers.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = ROOT / "deploy" / "lock"
LOCKS = sorted(LOCK.glob("*.txt"))
FINAL = {"lapinq-api", "lapinq-worker", "lapinq-scheduler", "lapinq"}


def stages() -> dict[str, list[str]]:
    """The instructions of each stage, a line each, with its FROM first."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", "")
    found: dict[str, list[str]] = {}
    name = ""
    for line in filter(None, text.splitlines()):
        if begun := re.match(r"FROM \S+ AS (\S+)$", line):
            name = begun[1]
        if name:
            found.setdefault(name, []).append(re.sub(r"\s+", " ", line))
    return found


def arguments(stage: str, instruction: str) -> list[str]:
    """What follows that instruction in the stage and those it comes from, its own last."""
    lines = stages()[stage]
    parent = lines[0].split()[1]
    inherited = arguments(parent, instruction) if parent in stages() else []
    return inherited + [line.partition(" ")[2] for line in lines if line.startswith(f"{instruction} ")]


class Entry(NamedTuple):
    """A package of a lock."""

    versions: list[str]
    """Several where Pythons differ."""
    hashes: list[str]
    is_asked_for: bool
    """By pyproject.toml itself."""


def locked(path: Path) -> dict[str, Entry]:
    """The packages by name."""
    found: dict[str, Entry] = {}
    for text in re.split(r"\n(?=\S)", path.read_text()):
        if named := re.match(r"([A-Za-z0-9_.-]+)==([^\s;]+)", text):
            hashes = re.findall(r"--hash=sha256:[0-9a-f]{64}", text)
            entry = found.setdefault(
                canonicalize_name(named[1]), Entry([], [], " lapinq (pyproject.toml" in text)
            )
            entry.versions.append(named[2])
            entry.hashes.extend(hashes)
    return found


def test_there_are_the_four_images() -> None:
    named = {match[1] for match in re.finditer(r"`ghcr\.io/lapinq/([a-z-]+)`", PAGE)}
    assert named == FINAL
    assert set(stages()) >= FINAL


def test_the_base_is_named_by_its_digest() -> None:
    (base,) = re.findall(r"^ARG BASE=(.*)$", DOCKERFILE, re.MULTILINE)
    assert re.fullmatch(r"docker\.io/library/python:3\.13\.\d+-slim-trixie@sha256:[0-9a-f]{64}", base)
    outside = {lines[0].split()[1] for lines in stages().values()} - set(stages())
    assert outside == {"${BASE}"}


@pytest.mark.parametrize("target", sorted(FINAL))
def test_an_image_runs_as_an_ordinary_user_and_can_be_asked_how_it_is(target: str) -> None:
    lines = stages()[target]
    assert lines[0] == f"FROM runtime AS {target}"
    assert not [line for line in lines if line.split()[0] in {"RUN", "COPY", "ADD"}], (
        "they differ in words only"
    )
    assert arguments(target, "USER")[-1] == "10001:10001"
    assert arguments(target, "WORKDIR")[-1] == "/app"
    assert arguments(target, "STOPSIGNAL")[-1] == "SIGTERM"
    role = {"lapinq": "api"}.get(target, target.removeprefix("lapinq-"))
    _, check = arguments(target, "HEALTHCHECK")[-1].split("CMD ")
    assert json.loads(check) == ["lapinq", "health", role]
    program = json.loads(arguments(target, "ENTRYPOINT")[-1])
    assert program[-1] == target
    if target in {"lapinq-worker", "lapinq"}:  # which run tasks
        assert program[:3] == ["dumb-init", "--single-child", "--"]


def test_what_serves_the_api_is_not_open_without_a_key() -> None:
    for target in ("lapinq-api", "lapinq"):
        environ = dict(pair.split("=", 1) for line in arguments(target, "ENV") for pair in line.split())
        assert load_settings(environ).require_auth
        assert not load_settings({**environ, "LAPINQ_REQUIRE_AUTH": "0"}).require_auth


def test_no_secret_comes_in_and_the_builder_sees_what_it_copies_and_what_the_wheel_is_made_of() -> None:
    assert not re.search(r"^ADD ", DOCKERFILE, re.MULTILINE)
    given = re.findall(r"^(?:ARG|ENV) .*", DOCKERFILE, re.MULTILINE)
    assert not [line for line in given if re.search(r"SECRET|PASSWORD|TOKEN|API_KEY|DATABASE_URL", line)]
    assert IGNORED[1] == "*"  # the builder sees what is named after it
    shown = {line.removeprefix("!") for line in IGNORED if line.startswith("!")}
    copied = {
        source.rstrip("/")
        for lines in stages().values()
        for line in lines
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    }
    assert {
        one for one in copied if not any(one == name or one.startswith(f"{name}/") for name in shown)
    } == set()
    assert {
        name for name in shown if not any(one == name or one.startswith(f"{name}/") for one in copied)
    } == set()
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert {package.partition("/")[0] for package in packages} <= shown
    for name in ("README.md", "hatch_build.py", *PROJECT["project"]["license-files"]):
        assert name in shown or name.partition("/")[0] in shown


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("image.txt", []),
        ("development.txt", ["dev", "examples", "deploy"]),
        ("custom-resources.txt", ["custom-resources"]),
    ],
)
def test_the_lock_fits_what_is_asked_for(name: str, groups: list[str]) -> None:
    held = locked(LOCK / name)
    lines = [line for group in groups for line in PROJECT["dependency-groups"][group]]
    if name != "custom-resources.txt":
        lines += PROJECT["project"]["dependencies"]
    if name == "development.txt":
        lines += PROJECT["project"]["optional-dependencies"]["embedded"]
    wanted = [Requirement(line) for line in lines]
    names = {canonicalize_name(requirement.name) for requirement in wanted}
    assert {name for name, entry in held.items() if entry.is_asked_for} == names, "run ./scripts/lock"
    for requirement in wanted:
        for version in held[canonicalize_name(requirement.name)].versions:
            assert requirement.specifier.contains(version, prereleases=True), (
                f"{requirement}: {version} is locked"
            )


def test_the_images_contain_what_was_tested() -> None:
    tested = locked(LOCK / "development.txt")
    for name, entry in locked(LOCK / "image.txt").items():
        assert name not in tested or set(entry.versions) <= set(tested[name].versions), "run ./scripts/lock"


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)
def test_everything_that_is_installed_has_hashes(path: Path) -> None:
    held = locked(path)
    assert held
    assert [name for name, entry in held.items() if not entry.hashes] == []
    asked = path.with_suffix(".in")
    for line in asked.read_text().splitlines() if asked.exists() else []:
        if named := line.partition("#")[0].strip():
            assert canonicalize_name(Requirement(named).name) in held


def test_the_page_tells_of_the_versions_and_of_what_the_images_set() -> None:
    shown = re.findall(r"^```dockerfile\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert shown[0].splitlines() == [f"FROM ghcr.io/lapinq/lapinq-worker:{__version__}", "COPY . /app"]
    assert set(re.findall(r"(?:lapinq(?:-\w+)?):(\d[\w.]*)", PAGE)) == {__version__}
    assert f"ghcr.io/astral-sh/uv:{locked(LOCK / 'build.txt')['uv'].versions[0]}," in PAGE
    for target in sorted(FINAL):
        for setting in " ".join(arguments(target, "ENV")).split():
            name, _, value = setting.partition("=")
            if name.startswith("LAPINQ_"):
                assert re.search(rf"`{name}`.* \|.*\b{re.escape(value)}\b", PAGE), setting

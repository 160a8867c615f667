"""The browser libraries that come with us are what their makers published, and their licences come along."""

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "services" / "lapinq_api" / "static" / "vendor"
LIBRARIES: list[dict[str, Any]] = json.loads((FOLDER / "vendored.json").read_text())
FREE = {"MIT", "0BSD"}


def test_every_file_is_listed() -> None:
    listed = {name for library in LIBRARIES for name in library["files"]}
    assert listed | {"vendored.json"} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["name"])
def test_its_files_are_those_that_were_fetched(library: dict[str, Any]) -> None:
    for name, file in library["files"].items():
        digest = sha256((FOLDER / name).read_bytes()).hexdigest()
        assert digest == file["sha256"], f"{name} was changed: ./scripts/vendor fetches it again"


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["name"])
def test_its_licence_is_free_and_lies_beside_it(library: dict[str, Any]) -> None:
    assert library["licence"] in FREE
    text = (FOLDER / f"{library['name']}.LICENSE.txt").read_text()
    title = {"MIT": "MIT License", "0BSD": "Zero-Clause BSD"}[library["licence"]]
    assert title in text


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["name"])
def test_it_makes_no_code_of_text(library: dict[str, Any]) -> None:
    # The policy of the pages would refuse it.
    for path in (FOLDER / name for name in library["files"] if name.endswith(".js")):
        assert not re.search(r"\beval\(|new Function\b", path.read_text())


def test_the_decision_names_each_with_its_licence() -> None:
    text = (ROOT / "docs" / "decisions" / "0013-dashboard.md").read_text()
    for library in LIBRARIES:
        assert library["name"] in text
        assert library["licence"] in text

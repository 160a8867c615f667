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


def test_every_file_is_listed() -> None:
    listed = {name for library in LIBRARIES for name in library["files"]}
    assert listed | {"vendored.json"} == {path.name for path in FOLDER.iterdir()}


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library["name"])
def test_it_is_as_it_was_fetched_makes_no_code_of_text_and_has_a_free_licence_beside_it(
    library: dict[str, Any],
) -> None:
    for name, file in library["files"].items():
        content = (FOLDER / name).read_bytes()
        assert sha256(content).hexdigest() == file["sha256"], (
            f"{name} was changed: ./scripts/vendor fetches it again"
        )
        # The policy of the pages would refuse it.
        assert not name.endswith(".js") or not re.search(rb"\beval\(|new Function\b", content)
    title = {"MIT": "MIT License", "0BSD": "Zero-Clause BSD"}[library["licence"]]
    assert title in (FOLDER / f"{library['name']}.LICENSE.txt").read_text()
    decision = (ROOT / "docs" / "decisions" / "0013-dashboard.md").read_text()
    assert library["name"] in decision
    assert library["licence"] in decision

"""Prints CHANGELOG.md's section for a version, as the notes of its release: `python scripts/changelog.py VERSION`.

Fails if the first section is for another version: then this one is not ready, or was released before.
"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
_SECTION = re.compile(r"^## \[([^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", re.MULTILINE)


def sections(text: str) -> list[tuple[str, str]]:
    """The sections, newest first: the version, or "Unreleased", and the text below its heading."""
    # Splitting at headings that capture the version gives: the text before the first, then version and text in turn.
    _, *parts = _SECTION.split(text)
    return [(version, said.strip()) for version, said in zip(parts[::2], parts[1::2], strict=True)]


def notes(text: str, version: str) -> str:
    """The text for `version`. Raises `LookupError` with the reason if it can't be released."""
    first, said = next(iter(sections(text)), ("", ""))
    if first != version:
        raise LookupError(f"CHANGELOG.md begins with [{first}]; its first section must be [{version}]")
    if not said:
        raise LookupError(f"CHANGELOG.md has no entries for {version}")
    return said


if __name__ == "__main__":
    try:
        print(notes(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1]))
    except LookupError as error:
        sys.exit(f"release: {error.args[0]}")

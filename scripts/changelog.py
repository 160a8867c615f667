"""Prints what CHANGELOG.md says of a version, as the notes of its release: `python scripts/changelog.py VERSION`.

Fails where the file's first section is another: then the version is not ready, or was released before.
"""

import re
import sys
from pathlib import Path

CHANGELOG = Path(__file__).parents[1] / "CHANGELOG.md"
_SECTION = re.compile(r"^## \[([^\]]+)\](?: - \d{4}-\d\d-\d\d)?$", re.MULTILINE)


def sections(text: str) -> list[tuple[str, str]]:
    """The sections, the newest first: the version, or "Unreleased", and what stands below that heading."""
    # Split at headings that catch the version: what stands before the first, then the two by turns.
    _, *parts = _SECTION.split(text)
    return [(version, said.strip()) for version, said in zip(parts[::2], parts[1::2], strict=True)]


def notes(text: str, version: str) -> str:
    """What is said of `version`. Raises `LookupError` with the reason why it can't be released."""
    first, said = next(iter(sections(text)), ("", ""))
    if first != version:
        raise LookupError(f"CHANGELOG.md begins with [{first}]: its first section has to be [{version}]")
    if not said:
        raise LookupError(f"CHANGELOG.md says nothing of {version}")
    return said


if __name__ == "__main__":
    try:
        print(notes(CHANGELOG.read_text(encoding="utf-8"), sys.argv[1]))
    except LookupError as error:
        sys.exit(f"release: {error.args[0]}")

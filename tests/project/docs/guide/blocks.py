"""The fenced blocks of README.md and docs/guide."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[4]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").rglob("*.md"))]

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    page: str
    line: int
    """Of its first line, below the fence."""
    language: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text()
    blocks = [
        Block(page.name, text.count("\n", 0, found.start(2)) + 1, found[1], found[2])
        for found in _FENCED.finditer(text)
    ]
    assert text.count("```") == 2 * len(blocks), f"{page.name} has a fence that isn't the start of a line"
    return blocks

"""What the build adds to pyproject.toml: README.md as the package's page, where relative links would lead nowhere."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = re.compile(r"(!?)(\[[^\]]*\])\((?![a-z]+:|#)([^)\s]+)\)")


class ReadmeHook(MetadataHookInterface):
    """Puts the address of the repository before each link to one of its files."""

    def update(self, metadata: dict[str, Any]) -> None:
        source = metadata["urls"]["Source"]

        def absolute(found: re.Match[str]) -> str:
            kind = "raw" if found[1] else "blob"
            return f"{found[1]}{found[2]}({source}/{kind}/main/{found[3]})"

        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": _RELATIVE.sub(absolute, text)}

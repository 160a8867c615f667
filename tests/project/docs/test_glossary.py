"""Words that the glossary replaced stay away from documentation, code and texts."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
RETIRED = {
    "anew": "again, or re-exec",
    "closeup": "detail",
    "companion": "embedded worker or scheduler",
    "for ever": "forever",
    "hand back": "release",
    "handed back": "release",
    "sign of life": "heartbeat",
    "talkative": "say what it does",
    "troubles": "errors",
    "vitals": "health",
    "whoever": "the caller, the user, the worker",
}
"""Each with the word to use."""
SEARCHED = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs",
    "lapinq",
    "lapinq_core",
    "services",
    "migrations",
)


def test_retired_words_are_not_used() -> None:
    listed = subprocess.run(
        ["git", "ls-files", *SEARCHED], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    retired = re.compile(rf"\b({'|'.join(RETIRED)})\b", re.IGNORECASE)
    found = [
        f"{path}:{number}: {word[0]} → {RETIRED[word[0].lower()]}"
        for path in listed
        if Path(path).suffix in {".md", ".py", ".sql", ".toml", ".html", ".js"} and "vendor" not in path
        for number, line in enumerate((ROOT / path).read_text().splitlines(), 1)
        for word in retired.finditer(line)
        if "docs/glossary.md" not in path
    ]
    assert found == []

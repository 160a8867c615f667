"""Which tests are to notice a change of a file: its room's, and all that name it, the quick ones first."""

import re
from functools import cache
from pathlib import Path

from tests.support.programs.processes import REPOSITORY


def tests_of(path: Path) -> list[str]:
    """Files of tests, in the order in which to run them."""
    naming = _naming_verb(path) if path.suffix == ".sql" else _naming_module(path)
    rooms = _rooms(path)
    chosen = [test for test, text in _tests().items() if naming.search(text) or _room(test) in rooms]
    chosen.sort(key=lambda test: (not test.startswith("tests/unit"), _room(test) not in rooms, test))
    return chosen


def _rooms(path: Path) -> set[str]:
    """The folders of tests that mirror that of `path`, or the next above it that some do."""
    folder = path.parent.parent if path.suffix == ".sql" else path.parent
    below = folder.relative_to("services") if folder.parts[0] == "services" else folder
    there = {_room(test) for test in _tests()}
    while True:
        mirrored = {f"tests/unit/{below}", f"tests/integration/{below}".replace("lapinq_core/", "")} & there
        if mirrored or below == below.parent:
            return mirrored
        below = below.parent


@cache
def _room(test: str) -> str:
    """The folder of `test` that mirrors one of the code, or the next above it that does."""
    folder = Path(test).parent
    while len(folder.parts) > 3 and not _is_mirror(Path(*folder.parts[2:])):
        folder = folder.parent
    return str(folder)


def _is_mirror(below: Path) -> bool:
    return any((REPOSITORY / above / below).is_dir() for above in (".", "services", "lapinq_core"))


def _naming_module(path: Path) -> re.Pattern[str]:
    parts = path.with_suffix("").parts
    *parents, name = parts[1:] if parts[0] == "services" else parts
    package = re.escape(".".join(parents))
    return re.compile(rf"^(from {package}\.{name} import|from {package} import .*\b{name}\b)", re.MULTILINE)


def _naming_verb(path: Path) -> re.Pattern[str]:
    """The functions of the package that send the statement."""
    functions = set[str]()
    for module in (REPOSITORY / path.parent.parent).glob("*.py"):
        function = ""
        for line in module.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"\s*(?:async )?def (\w+)", line):
                function = match[1]
            if f'"{path.stem}"' in line:
                functions.add(function)
    names = "|".join(sorted(functions - {""}) or [path.stem])
    package = rf"(from lapinq_core\.{path.parts[1]} import|tests\.support\.factories)"
    return re.compile(rf"{package}.*\n(.*\n)*.*\b({names})\b")


@cache
def _tests() -> dict[str, str]:
    found = sorted(
        path
        for kind in ("unit", "integration")
        for path in (REPOSITORY / "tests" / kind).rglob("test_*.py")
        if "lapinq_api/test_" not in str(path)  # whole servers
    )
    return {str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8") for path in found}

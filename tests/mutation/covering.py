"""Which tests are to notice a change: those that run the changed line, as the file `.coverage` tells.

`scripts/mutants` has it written.
"""

import ast
import re
from functools import cache
from pathlib import Path

from coverage import CoverageData

from tests.support.programs.processes import REPOSITORY


def tests_of(path: Path, line: int) -> list[str]:
    """Their ids, in the order in which to run them: those of the room first, and unit tests before others."""
    if path.suffix == ".sql":
        found = {test for module, number in _senders(path) for test in _tests(module).get(number, ())}
    else:
        found = set(_tests(path).get(line) or _tests(path).get(_statement(path, line), ()))
    room = path.parent.name if path.suffix != ".sql" else path.parent.parent.name
    return sorted(found, key=lambda test: (f"/{room}/" not in test, not test.startswith("tests/unit"), test))


def _senders(path: Path) -> list[tuple[Path, int]]:
    """The lines that name the statement `path`, or the constant that holds it."""
    found = list[tuple[Path, int]]()
    for module in sorted((REPOSITORY / path.parent.parent).glob("*.py")):
        lines = module.read_text(encoding="utf-8").splitlines()
        naming = [(number, line) for number, line in enumerate(lines, 1) if f'"{path.stem}"' in line]
        for number, line in naming:
            constant = re.match(r"([A-Z_]+) = ", line)
            if constant is None:
                found.append((module.relative_to(REPOSITORY), number))
            else:
                found += _lines_with(constant[1], path.parts[0])
    return found


def _statement(path: Path, line: int) -> int:
    """The first line of the innermost statement that `line` is in."""
    module = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return max(
        node.lineno
        for node in ast.walk(module)
        if isinstance(node, ast.stmt) and node.lineno <= line <= (node.end_lineno or node.lineno)
    )


@cache
def _lines_with(constant: str, top: str) -> list[tuple[Path, int]]:
    word = re.compile(rf"\b{constant}\b")
    return [
        (path.relative_to(REPOSITORY), number)
        for path in sorted((REPOSITORY / top).rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if word.search(line)
    ]


@cache
def _tests(path: Path) -> dict[int, list[str]]:
    """The tests that run each line of a module."""
    by_line = _data().contexts_by_lineno(str(REPOSITORY / path))
    return {
        line: sorted({context.rpartition("|")[0] for context in contexts if "|" in context})
        for line, contexts in by_line.items()
    }


@cache
def _data() -> CoverageData:
    data = CoverageData(str(REPOSITORY / ".coverage"))
    data.read()
    return data

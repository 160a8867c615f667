"""Every LIMIT and OFFSET has a value: PostgreSQL takes NULL for no limit, and then a statement reads or deletes all."""

import ast
import re
from collections.abc import Iterator

from tests.project.code.test_layers import ROOT, name_of, sources

CODE = sorted(sources(ROOT / "lapinq_core", ROOT / "migrations"))
TEXTS = [*CODE, *sorted((ROOT / "lapinq_core").rglob("*.sql")), *sorted((ROOT / "migrations").rglob("*.sql"))]
VALUE = r"(\d+|%\(\w+\)s::(integer|bigint)|\{\w*\})"
"""A number, a parameter, or a place for a number."""
LIMITED = re.compile(
    rf"{VALUE}( [+-] \d+)?(?![\w.])"
    rf"|(greatest|least)\({VALUE},"  # both ignore what is NULL
    rf"|coalesce\([\w.]+, {VALUE}\)"
)


def limits() -> Iterator[tuple[str, str]]:
    """The file and what follows the word, for each LIMIT and OFFSET of a statement."""
    for path in TEXTS:
        text = re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))
        for limit in re.findall(r"\b(?:LIMIT|OFFSET)\s+([^\s=):][^\n]*)", text):
            yield name_of(path), limit


def test_no_limit_of_a_statement_can_be_null() -> None:
    assert LIMITED.match("greatest(0, (SELECT room FROM q))")
    assert not LIMITED.match("(SELECT room FROM q)")
    assert [(name, limit) for name, limit in limits() if not LIMITED.match(limit)] == []


def test_nothing_that_limits_a_statement_is_none() -> None:
    names = {name for _, limit in limits() for name in re.findall(r"[({](\w+)[)}]", limit)}
    assert {"limit", "most"} <= names
    assert [
        (name_of(path), argument.arg)
        for path in CODE
        for text in [path.read_text(encoding="utf-8")]
        for argument in ast.walk(ast.parse(text))
        if isinstance(argument, ast.arg) and argument.arg in names
        if argument.annotation and "None" in ast.unparse(argument.annotation)
        if re.search(rf"(\"{argument.arg}\": |Literal\(){argument.arg}\b", text)  # it is sent as it is
    ] == []

"""Where a statement is, for tests that take it apart or look at its plan."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import LiteralString

from lapinq_core.db.statements import sql


@cache
def package_of(verb: str) -> str:
    """The package that has `verb`.sql; no two may."""
    (found,) = Path(str(files("lapinq_core"))).glob(f"*/sql/{verb}.sql")
    return f"lapinq_core.{found.parent.parent.name}"


def text_of(verb: str) -> LiteralString:
    """The statement, as `sql` gives it."""
    return sql(package_of(verb), verb)

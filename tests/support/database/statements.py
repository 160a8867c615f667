"""Finds a statement, for tests that parse it or check its plan; and checks that a server understands all of them."""

import re
from collections import defaultdict
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg.pq import ExecStatus

from lapinq_core.db.statements import sql


@cache
def package_of(verb: str) -> str:
    """The package that has `verb`.sql; no two may."""
    (found,) = Path(str(files("lapinq_core"))).glob(f"*/sql/{verb}.sql")
    return f"lapinq_core.{found.parent.parent.name}"


def text_of(verb: str) -> LiteralString:
    """The statement, as `sql` gives it."""
    return sql(package_of(verb), verb)


def prepare_all(conn: psycopg.Connection, folder: Path) -> int:
    """Prepares every statement below `folder`, and returns how many there are. AssertionError at the first that fails.

    Those with braces are left out: they take their conditions from filters.
    """
    prepared = 0
    for file in sorted(folder.rglob("sql/*.sql")):
        text = re.sub(r"^\s*--[^\n]*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if re.search(r"\{\w+\}", text):
            continue
        numbers = defaultdict[str, int](count(1).__next__)
        numbered = re.sub(r"%\((\w+)\)s", lambda name, of=numbers: f"${of[name[1]]}", text)
        found = conn.pgconn.prepare(b"", numbered.replace("%%", "%").encode())
        assert found.status == ExecStatus.COMMAND_OK, (
            f"{file.relative_to(folder)}: {found.error_message.decode()}"
        )
        prepared += 1
    return prepared

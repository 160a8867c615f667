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

from lapinq_core.db.statements import split, sql
from lapinq_core.tasks.claiming import END_OF_IDS, FIRST_ID, claim_of_many, plain_claim

CLAIMS: dict[str, LiteralString] = {
    "claim": plain_claim(FIRST_ID, END_OF_IDS),
    "claim_many": claim_of_many(FIRST_ID, END_OF_IDS),
}
"""Put together of several files, for tasks in any partition."""
_PART = re.compile(r"-- For \w+\.sql\b")


def texts_of(file: Path) -> dict[Path, str]:
    """The text of a file, by its path; of a `queries.sql` that of each statement, with its comment, by the path that a
    file of its own would have."""
    text = file.read_text(encoding="utf-8")
    if file.name != "queries.sql":
        return {file: text}
    return {file.with_stem(verb): query for verb, query in split(text).items()}


def statements_in(folder: Path) -> dict[Path, str]:
    """The text of each statement below `folder`, by its path."""
    return {path: text for file in sorted(folder.rglob("sql/*.sql")) for path, text in texts_of(file).items()}


@cache
def package_of(verb: str) -> str:
    """The package that has the statement; no two may."""
    core = Path(str(files("lapinq_core")))
    (found,) = (path for path in statements_in(core) if path.stem == verb)
    return ".".join(("lapinq_core", *found.relative_to(core).parts[:-2]))


def text_of(verb: str) -> LiteralString:
    """The statement, as it is sent."""
    return CLAIMS.get(verb) or sql(package_of(verb), verb)


def prepare_all(conn: psycopg.Connection, folder: Path) -> int:
    """Prepares every statement below `folder`, and returns how many there are. AssertionError at the first that fails.

    Those with braces are left out: they take their conditions from filters. So are those that others contain.
    """
    prepared = 0
    for path, text in statements_in(folder).items():
        body = re.sub(r"^\s*--[^\n]*\n", "", text, flags=re.MULTILINE)
        if _PART.match(text) or re.search(r"\{\w+\}", body):
            continue
        prepare(conn, str(path.relative_to(folder)), body)
        prepared += 1
    return prepared


def prepare(conn: psycopg.Connection, name: str, statement: str) -> None:
    """AssertionError if the server does not understand it."""
    numbers = defaultdict[str, int](count(1).__next__)
    numbered = re.sub(r"%\((\w+)\)s", lambda found: f"${numbers[found[1]]}", statement)
    found = conn.pgconn.prepare(b"", numbered.replace("%%", "%").encode())
    assert found.status == ExecStatus.COMMAND_OK, f"{name}: {found.error_message.decode()}"

"""Every statement is understood by the server: the cheapest test of all of them, for each version of PostgreSQL.

Those with braces take their conditions from filters; the tests of their plans run them.
"""

import re
from collections import defaultdict
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg.pq import ExecStatus

import lapinq_core

pytestmark = pytest.mark.version

FOLDER = Path(lapinq_core.__file__).parent


def test_the_server_understands_every_statement(conn: psycopg.Connection) -> None:
    understood = 0
    for file in sorted(FOLDER.rglob("sql/*.sql")):
        text = re.sub(r"^\s*--[^\n]*\n", "", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if re.search(r"\{\w+\}", text):
            continue
        numbers = defaultdict[str, int](count(1).__next__)
        numbered = re.sub(r"%\((\w+)\)s", lambda name, of=numbers: f"${of[name[1]]}", text)
        found = conn.pgconn.prepare(b"", numbered.replace("%%", "%").encode())
        assert found.status == ExecStatus.COMMAND_OK, (
            f"{file.relative_to(FOLDER)}: {found.error_message.decode()}"
        )
        understood += 1
    assert understood > 100

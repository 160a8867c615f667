"""Commands that end by themselves, and what the audit log notes of them."""

import os
import pwd
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from click.testing import CliRunner, Result

from lapinq.cli import cli
from tests.support.programs.processes import REPOSITORY


def lapinq(database: str, *arguments: str, stdin: str = "") -> Result:
    """`lapinq ARGUMENTS` on that database, in this process."""
    return CliRunner().invoke(
        cli, [*arguments, "--database-url", database], input=stdin, catch_exceptions=False
    )


def lapinq_at(
    place: Sequence[str], *arguments: str, stdin: str = "", env: Mapping[str, str | None] | None = None
) -> Result:
    """`lapinq ARGUMENTS` in this process, where `place` says: flags of a database or a server."""
    return CliRunner().invoke(cli, [*arguments, *place], input=stdin, env=env, catch_exceptions=False)


def lapinq_process(
    database: str, *arguments: str, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`lapinq ARGUMENTS` on that database, as a process."""
    return subprocess.run(
        [sys.executable, "-m", "lapinq", *arguments, "--database-url", database],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, **(env or {})},
    )


def noted(database: str) -> list[tuple[Any, ...]]:
    """The audit log: the kind of who did it and their name, what they did to what, and details."""
    with psycopg.connect(database) as conn:
        return conn.execute(
            "SELECT actor_kind, actor, action, target, details FROM lapinq_audit ORDER BY id"
        ).fetchall()


ME = ("command line", pwd.getpwuid(os.getuid()).pw_name)
"""Whoever runs the tests, as the audit log names them."""

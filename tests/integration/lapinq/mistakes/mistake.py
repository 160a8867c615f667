"""One mistake on the command line, and what it is answered with."""

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.support.programs.command_line import lapinq_at

SECRET = "s3cr"
"""How the secrets in the tables begin. No message may repeat them."""


class Mistake(NamedTuple):
    """`line` is what somebody types after `lapinq`. `message` is a part of what standard error then says."""

    line: str
    code: int
    message: str
    env: Mapping[str, str] = {}
    stdin: str = ""


def check(mistakes: Sequence[Mistake], place: Sequence[str] = ()) -> None:
    """Makes each mistake in this process, at the database that the flags in `place` name."""
    wrong: list[str] = []
    for one in mistakes:
        done = lapinq_at(place, *shlex.split(one.line), stdin=one.stdin, env=one.env)
        told = done.exit_code == one.code and one.message in done.stderr
        if not told or "Traceback" in done.output or SECRET in done.output:
            wrong.append(f"lapinq {one.line} {dict(one.env)}: exit code {done.exit_code}\n{done.output}")
    assert not wrong, "\n".join(wrong)

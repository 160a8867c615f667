"""Mistakes on the command line and in Python, and what they are answered with."""

import re
import shlex
from collections.abc import Callable, Sequence
from itertools import takewhile

from tests.support.programs.command_line import lapinq_at

SECRET = "s3cr"
"""How the secrets in the tables begin. No message may repeat them."""

NOWHERE = ("--database-url", "postgresql://127.0.0.1:1/x")

_NO_DATABASE = dict.fromkeys(("DATABASE_URL", "LAPINQ_DATABASE_URL", "LAPINQ_DATA_DIR", "LAPINQ_URL"))
"""The shell in which the tests run may name one."""
_VARIABLE = re.compile(r"[A-Z_]+=.*")


def check(table: str, place: Sequence[str] = ()) -> None:
    """Makes each mistake of the table in this process, at the database that the flags in `place` name.

    Each line has the exit code, what somebody types after `lapinq`, and a part of what standard error then says. As in
    a shell, variables may stand before the command, and `<<< TEXT` after it.
    """
    wrong: list[str] = []
    for row in table.strip().splitlines():
        code, typed, message = row.split(" | ", 2)
        line, _, stdin = typed.partition(" <<< ")
        words = shlex.split(line)
        given = dict(word.split("=", 1) for word in takewhile(_VARIABLE.fullmatch, words))
        done = lapinq_at(place, *words[len(given) :], stdin=stdin, env={**_NO_DATABASE, **given})
        told = done.exit_code == int(code) and message in done.stderr
        if not told or "Traceback" in done.output or SECRET in done.output:
            wrong.append(f"{row}\nexit code {done.exit_code}\n{done.output}")
    assert not wrong, "\n".join(wrong)


def check_calls(kind: type[Exception], calls: Sequence[tuple[Callable[[], object], str]]) -> None:
    """Makes each call, which must raise an exception of this kind whose message has the text."""
    wrong: list[str] = []
    for call, message in calls:
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001  # of any kind, to name the row
            if not isinstance(error, kind) or message not in str(error) or SECRET in str(error):
                wrong.append(f"{message!r}: {error!r}")
        else:
            wrong.append(f"{message!r}: no error, but {answer!r}")
    assert not wrong, "\n".join(wrong)

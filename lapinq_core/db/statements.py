"""Loads SQL: one statement per file, named after its verb.

Every statement carries a `/* lapinq:verb */` tag, which identifies it in `pg_stat_activity` and the server's log.
"""

import re
from collections.abc import Callable
from functools import cache, partial
from importlib.resources import files
from typing import LiteralString, cast


def sql_of(module: str) -> Callable[[str], LiteralString]:
    """Loads the statements of the room that a module is in: `sql = sql_of(__name__)`, then `sql("claim")`."""
    return partial(sql, module.rpartition(".")[0])


@cache
def sql(package: str, verb: str) -> LiteralString:
    """The text of `verb`.sql of `package` ("lapinq_core.tasks"), without its leading comment."""
    text = files(package).joinpath("sql", f"{verb}.sql").read_text(encoding="utf-8")
    body = re.sub(r"^\s*--[^\n]*\n", "", text, flags=re.MULTILINE).strip().rstrip(";")
    # The files are part of the program, as literal as a string in it.
    return cast("LiteralString", f"/* lapinq:{verb} */\n{body}")

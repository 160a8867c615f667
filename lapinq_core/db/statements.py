"""Loads SQL: the statements of a room, each named after its verb.

One that locks, or whose plan is worth telling, is the file of its name in the room's `sql`. Short ones stand together
in `sql/queries.sql`, each below a line `-- name: verb`.

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
    """The statement `verb` of `package` ("lapinq_core.tasks"), without its leading comment."""
    text = _queries(package).get(verb) or _read(package, verb)
    body = re.sub(r"^\s*--[^\n]*\n", "", text, flags=re.MULTILINE).strip().rstrip(";")
    # The files are part of the program, as literal as a string in it.
    return cast("LiteralString", f"/* lapinq:{verb} */\n{body}")


def split(queries: str) -> dict[str, str]:
    """The statements in the text of a `queries.sql`, by verb."""
    parts = re.split(r"^-- name: (\w+)\n", queries, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@cache
def _queries(package: str) -> dict[str, str]:
    return split(_read(package, "queries"))


def _read(package: str, name: str) -> str:
    return files(package).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")

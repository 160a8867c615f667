"""Databases that a test has to itself, in a PostgreSQL server where the user may create some."""

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict


@contextmanager
def new_database(server_url: str, name: str, template: str | None = None) -> Generator[str]:
    """The URL of a new database, dropped at the end: an empty one, or a copy of `template`, to which nobody may be
    connected."""
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(server_url, autocommit=True) as conn:
        if conn.info.server_version >= 15_00_00:
            # A copy of files, as every older server makes it, takes a quarter of the time of one through the WAL.
            create += sql.SQL(" STRATEGY file_copy")
        conn.execute(create)
    try:
        yield _url(server_url, name)
    finally:
        with psycopg.connect(server_url, autocommit=True) as conn:
            conn.execute(drop)


def _url(server_url: str, name: str) -> str:
    """The URL of another database of that server, in the form that every driver reads."""
    given = {key: str(value) for key, value in conninfo_to_dict(server_url).items() if value is not None}
    given.pop("dbname", None)
    user, password = (quote(given.pop(key, ""), safe="") for key in ("user", "password"))
    login = f"{user}:{password}@" if password else f"{user}@" if user else ""
    host = given.get("host", "")
    is_name = bool(host) and not set("/,") & set(host)
    place = ""
    if is_name:
        del given["host"]
        place = f"[{host}]" if ":" in host else host
        place += f":{given.pop('port')}" if "port" in given else ""
    query = f"?{urlencode(given)}" if given else ""
    return f"postgresql://{login}{place}/{quote(name, safe='')}{query}"

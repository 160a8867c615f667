"""The URL of a database as each driver reads it."""

from typing import Any

from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import URL


def sqlalchemy_url(url: str, driver: str) -> URL:
    parts = parts_of(url)
    return URL.create(
        f"postgresql+{driver}",
        parts["user"],
        parts["password"] or None,
        port=parts["port"],
        database=parts["database"],
        query={"host": parts["host"]},
    )


def parts_of(url: str) -> dict[str, Any]:
    """The arguments of `asyncpg.connect`."""
    given = conninfo_to_dict(url)
    return {
        "host": str(given["host"]),
        "port": int(given.get("port") or 5432),
        "user": str(given["user"]),
        "password": str(given.get("password") or ""),
        "database": str(given["dbname"]),
    }


def plain_url(url: str) -> str:
    """`postgresql://…`, whatever form `url` has."""
    parts = parts_of(url)
    user = parts["user"] + (f":{parts['password']}" if parts["password"] else "")
    return f"postgresql://{user}@/{parts['database']}?host={parts['host']}&port={parts['port']}"

"""The forms of a database's URL: libpq's, SQLAlchemy's with the name of a driver, and Heroku's `postgres://`."""

import re
from urllib.parse import parse_qsl, quote

_SCHEME = re.compile(r"postgres(?:ql)?(\+\w+)?://", re.IGNORECASE)
# Parameters that SQLAlchemy and asyncpg take, and libpq doesn't know.
_OF_DRIVERS = frozenset({"async_fallback", "prepared_statement_cache_size", "prepared_statement_name_func"})


def is_database_url(text: str) -> bool:
    """Whether it is the URL of a PostgreSQL database, in any form."""
    return _SCHEME.match(text) is not None


def libpq_url(text: str) -> str:
    """A URL in any form as libpq reads it. Other text, such as a connection string, stays as it is."""
    scheme = _SCHEME.match(text)
    if scheme is None:
        return text
    rest = text[scheme.end() :]
    if scheme[1] is not None:
        place, _, query = rest.partition("?")
        rest = place + _libpq_query(query)
    return f"postgresql://{rest}"


def _libpq_query(query: str) -> str:
    """SQLAlchemy lists several hosts as `host=a:1&host=b:2`, and encodes a space as `+`."""
    given: dict[str, list[str]] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        given.setdefault("sslmode" if name == "ssl" else name, []).append(value)
    if len(hosts := given.get("host", [])) > 1:
        places = [host.partition(":") for host in hosts]
        given["host"] = [",".join(name for name, _, _ in places)]
        if "port" not in given and any(port for _, _, port in places):
            given["port"] = [",".join(port for _, _, port in places)]
    written = [
        f"{name}={quote(values[-1], safe=',:/[]')}"
        for name, values in given.items()
        if name not in _OF_DRIVERS
    ]
    return "?" + "&".join(written) if written else ""

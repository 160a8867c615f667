"""The forms of a database's URL: libpq's, SQLAlchemy's with the name of a driver, and Heroku's `postgres://`."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

from lapinq_core.domain.errors import InvalidValue

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
        parts = _split(rest)
        rest = parts.login + parts.place + _libpq_query(parts.query)
    return f"postgresql://{rest}"


def check_login(url: str) -> None:
    """Raises `InvalidValue` if libpq would take a part of the password for the host, or refuse it.

    The message has no part of the URL. Text in other forms passes.
    """
    scheme = _SCHEME.match(url)
    if scheme is None:
        return
    parts = _split(url[scheme.end() :])
    if "@" in parts.place or "@" in parts.query.partition("=")[0] or _NOT_ENCODED.search(parts.login):
        raise InvalidValue(
            "",
            "user and password must be percent-encoded: write @ as %40, / as %2F, : as %3A, ? as %3F, # as %23"
            " and % as %25",
        )


def place_of(url: str) -> str:
    """The URL without user, password and parameters, which may hold a password too."""
    scheme = _SCHEME.match(url)
    return "PostgreSQL" if scheme is None else f"postgresql://{_split(url[scheme.end() :]).place}"


class _Parts(NamedTuple):
    """`login` ends with the @, if there is one."""

    login: str
    place: str
    query: str


_NOT_ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})|%00")


def _split(rest: str) -> _Parts:
    """Splits a URL after its scheme as libpq does: the user ends at the first @, unless a slash comes before that."""
    login = _LOGIN.match(rest)
    end = login.end() if login else 0
    place, _, query = rest[end:].partition("?")
    return _Parts(rest[:end], place, query)


_LOGIN = re.compile(r"[^@/]*@")


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

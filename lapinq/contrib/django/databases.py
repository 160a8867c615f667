"""Databases in `DATABASES`, as lapinq reaches them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from psycopg import pq

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_THE_URL = ("user", "password", "host", "port", "dbname")


def database_url(alias: str) -> str:
    """The URL by which lapinq reaches the database `alias` as Django does.

    Raises ImproperlyConfigured if there is no such database or it is no PostgreSQL.
    """
    check_database(alias)
    connection = connections[alias]
    options: dict[str, Any] = connection.get_connection_params()
    if role := connection.settings_dict["OPTIONS"].get("assume_role"):
        # What Django does by SET ROLE on each new connection.
        escaped = str(role).replace("\\", "\\\\").replace(" ", "\\ ")
        options["options"] = f"{options.get('options', '')} -c role={escaped}".strip()
    return url_of(options)


def check_database(alias: str) -> None:
    """Raises ImproperlyConfigured."""
    if alias not in connections:
        known = ", ".join(sorted(connections))
        raise ImproperlyConfigured(f"DATABASES has no {alias!r}; it has {known}")
    if (vendor := connections[alias].vendor) != "postgresql":
        raise ImproperlyConfigured(f"lapinq needs PostgreSQL, but DATABASES[{alias!r}] is {vendor}")


def url_of(options: Mapping[str, Any]) -> str:
    """The URL of a database with these options of libpq; others, which are for the driver, are left out."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    given = {name: str(value) for name, value in options.items() if name in known and value is not None}
    given.pop("client_encoding", None)  # lapinq sets its own
    user, password, host, port, name = (given.pop(part, "") for part in _OF_THE_URL)
    if "/" in host or "," in host or "," in port:  # a socket's folder, or several hosts
        given |= {key: value for key, value in (("host", host), ("port", port)) if value}
        host = port = ""
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    place = (f"[{host}]" if ":" in host else quote(host, safe="")) + (f":{port}" if port else "")
    return (
        f"postgresql://{f'{login}@' if login else ''}{place}/{quote(name, safe='')}"
        f"{f'?{urlencode(given, quote_via=quote)}' if given else ''}"
    )

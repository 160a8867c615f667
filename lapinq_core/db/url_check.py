"""Checks the URL of a database before anything connects, and says what is wrong without any part of a password."""

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.nearest import did_you_mean


def check_url(url: str) -> None:
    """Raises `InvalidValue` for what libpq can't read."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        # Not the driver's message, which shows a part of the URL, and perhaps of a password.
        raise InvalidValue(
            "",
            f"{_unknown_parameter(str(error))}write it as postgresql://user:password@host:5432/name, with special"
            " characters percent-encoded",
        ) from None


def _unknown_parameter(message: str) -> str:
    found = re.search(r'invalid (?:URI query parameter|connection option)[: ]+"(\w{1,40})"', message)
    if found is None:
        return ""
    known = [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()]
    return f"it has no parameter {found[1]!r}{did_you_mean(found[1], known)}; "

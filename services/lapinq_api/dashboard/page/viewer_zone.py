"""The time zone of a viewer, as their browser has told it by a cookie."""

from starlette.requests import Request

from lapinq_core.domain.cron.local_time import read_timezone
from lapinq_core.domain.errors import InvalidValue

COOKIE = "lapinq_zone"
"""Set by `static/preferences.js`."""


def viewer_zone(request: Request) -> str | None:
    """The IANA name; None before the browser's first page, and for one that is unknown here."""
    name = request.cookies.get(COOKIE, "")
    try:
        return read_timezone(name).key if name else None
    except InvalidValue:
        return None

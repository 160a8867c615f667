"""Where a login leads: back to the page that was asked for, and to no other site."""

import string
from urllib.parse import quote, urlsplit

from lapinq_api.dashboard.page.view import Views
from lapinq_api.wire.path import has_control_character
from lapinq_core.domain.errors import InvalidValue

_ACCOUNT = "/account"
"""A page that is no view."""


def return_path(views: Views, wanted: str) -> str | None:
    """`wanted`, the URL of a page below the dashboard's root, with escapes for a header; None if it is no such page.

    Browsers read a backslash as a slash, drop control characters and resolve dots, so the path must have none of them.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or "\\" in wanted:
        return None
    try:
        path = urlsplit(wanted).path
        if has_control_character(wanted) or any(_is_dots(segment) for segment in path.split("/")):
            return None
        if path != _ACCOUNT:
            views.find(wanted)
        return quote(wanted, safe=string.punctuation)
    except (ValueError, InvalidValue):
        return None


def _is_dots(segment: str) -> bool:
    return segment.lower().replace("%2e", ".") in {".", ".."}

"""What stands in place of any page while the database, which would say whose session it is, is away."""

from http import HTTPStatus

from starlette.responses import Response

from lapinq_api.dashboard.page import page
from lapinq_api.errors import RETRY_AFTER_SECONDS

_HEADERS = {"Retry-After": str(RETRY_AFTER_SECONDS)}


def page_for(path: str) -> Response:
    """The page at `path`, or the part of it, that says so and tries again by itself."""
    template = "fragments/away.html" if path.startswith("/fragments/") else "away.html"
    up = "../" * (path.count("/") - 1)
    return page(template, HTTPStatus.SERVICE_UNAVAILABLE, _HEADERS, up=up)

"""Replaces every page while the database, which stores the sessions, is unavailable."""

from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Scope

from lapinq_api.dashboard.page.rendering import page
from lapinq_api.wire.errors import RETRY_AFTER_SECONDS
from lapinq_core.db.errors import DatabaseUnavailable, SchemaNotReady

_HEADERS = {"Retry-After": str(RETRY_AFTER_SECONDS)}


def page_for(scope: Scope, error: DatabaseUnavailable) -> Response:
    """A page that says so and reloads itself."""
    reason = str(error) if isinstance(error, SchemaNotReady) else None
    return page(scope, "unavailable.html", HTTPStatus.SERVICE_UNAVAILABLE, _HEADERS, reason=reason)

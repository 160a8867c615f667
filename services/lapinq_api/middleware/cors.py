"""Lets pages of the origins in the settings call the API from a browser."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.wire.errors import sentence
from lapinq_api.wire.path import is_api, route_path
from lapinq_core.domain.hosts.origins import ANY

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_TAKEN = ("Content-Type", "Idempotency-Key", "X-API-Key", "X-Lapinq-Claim", "X-Request-ID")
_SHOWN = (
    "Idempotency-Replayed",
    "Retry-After",
    "X-Next-Cursor",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
    "X-Request-ID",
)


class Cors:
    """Starlette's CORS middleware, for the API and its description only.

    Origins named in the settings may send the session cookie. With "any origin" pages may not, and need a key.
    """

    def __init__(self, app: ASGIApp, allowed: Sequence[str]) -> None:
        self._app = app
        self._cors = _Cors(
            app,
            allow_origins=allowed,
            allow_methods=_METHODS,
            allow_headers=_TAKEN,
            allow_credentials=ANY not in allowed,
            expose_headers=_SHOWN,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_api(scope) or (scope["type"] == "http" and route_path(scope) == "/openapi.json"):
            await self._cors(scope, receive, send)
        else:
            await self._app(scope, receive, send)


class _Cors(CORSMiddleware):
    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        kept = {
            name: value for name, value in response.headers.items() if name.startswith(("access", "vary"))
        }
        what = bytes(response.body).decode().removeprefix("Disallowed CORS ")
        return sentence(response.status_code, f"CORS is not allowed for this {what}", kept)

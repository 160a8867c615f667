"""Lets through to the API only who sends the key in `X-API-Key`."""

import hmac
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.errors import sentence
from lapinq_api.middleware.path import is_api


class ApiKey:
    """OPTIONS passes without the key: a browser asks before it sends any header of ours."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._key = key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_api(scope) and scope["method"] != "OPTIONS" and not self._holds_key(scope):
            response = sentence(
                HTTPStatus.UNAUTHORIZED,
                "the header X-API-Key is missing or wrong",
                {"WWW-Authenticate": 'ApiKey realm="lapinq"'},
            )
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _holds_key(self, scope: Scope) -> bool:
        given = next((value for name, value in scope["headers"] if name == b"x-api-key"), b"")
        return hmac.compare_digest(given, self._key)

"""Finds out who sends a request of the API, and lets nobody else through to it."""

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.auth.caller import ACTOR_KEY, unauthenticated
from lapinq_api.middleware.path import is_api
from lapinq_api.state import State
from lapinq_core.domain.account import ANONYMOUS, MASTER_KEY, Actor


class Authentication:
    """OPTIONS passes without a key: a browser asks before it sends any header of ours."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._master_key = None if state.settings.api_key is None else state.settings.api_key.encode()
        self._is_open = self._master_key is None and not state.settings.require_auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_api(scope) and scope["method"] != "OPTIONS":
            scope[ACTOR_KEY] = self._find(scope)
        await self._app(scope, receive, send)

    def _find(self, scope: Scope) -> Actor:
        given = next((value for name, value in scope["headers"] if name == b"x-api-key"), b"")
        if self._master_key is not None and hmac.compare_digest(given, self._master_key):
            return MASTER_KEY
        if self._is_open:
            return ANONYMOUS
        raise unauthenticated()

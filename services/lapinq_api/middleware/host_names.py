"""Keeps pages that reached this server by a name of their own from using what is open to whoever reaches it.

A page may let its own name lead to this server's address once it is loaded (DNS rebinding). To the browser it is then a
page of this server, which neither its origin nor a missing CORS header gives away; only the name in `Host` does.
"""

from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from lapinq_api.auth.given_key import actor_by_key, check_not_guessing
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused, answer
from lapinq_api.wire.path import route_path
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.host_names import is_sure, read_host_names

_SENTENCE = "this server does not know this host name: add it to LAPINQ_ALLOWED_HOSTS, or use an address"
_FOR_PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class HostNames:
    """Refuses with 400 what comes by a name that the settings don't know.

    It holds while the API is open or the default password works, and where the settings name hosts. It stands inside of
    CORS, for a browser asks without a key whether it may send one.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        self._names = read_host_names(state.settings.allowed_hosts)
        self._is_strict = state.settings.is_open or bool(self._names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._is_sure(scope):
            await self._app(scope, receive, send)
            return
        try:
            if not await self._is_served(scope):
                raise Refused(HTTPStatus.BAD_REQUEST, _SENTENCE)
        except LapinqError as error:
            if scope["type"] == "http":
                raise
            await _deny(WebSocket(scope, receive, send), error)
            return
        await self._app(scope, receive, send)

    def _is_sure(self, scope: Scope) -> bool:
        """Whether every name that it says is known. Only a program of HTTP/1.0 may say none; a browser always does."""
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if not hosts:
            return scope.get("http_version") == "1.0"
        return all(is_sure(host, self._names) for host in hosts)

    async def _is_served(self, scope: Scope) -> bool:
        """Whether a request is served under whatever name. Raises `DatabaseUnavailable`, `TooManyGuesses`."""
        if scope["type"] == "http" and route_path(scope) in _FOR_PROBES:
            return True
        if await actor_by_key(self._state, scope) is not None:
            return True
        if not self._is_strict and not await self._state.default_password.works():
            return True
        check_not_guessing(scope)
        return False


async def _deny(socket: WebSocket, error: LapinqError) -> None:
    """Answers the handshake with what the error is over HTTP; 403 under a server that can't send that."""
    refusal = answer(error)
    if refusal is not None and "websocket.http.response" in socket.scope.get("extensions", {}):
        await socket.send_denial_response(refusal)
    else:
        await socket.close()

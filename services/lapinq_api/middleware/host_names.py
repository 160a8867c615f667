"""Protects open servers against DNS rebinding.

A web page may let its own host name resolve to this server's address once it is loaded. To the browser it then has the
same origin as this server, so neither `Origin` nor CORS gives it away. Only the name in `Host` does.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.auth.api_key import actor_by_key, check_key_throttle
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.path import route_path
from lapinq_api.wire.socket_refusal import refuse_socket
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.exposure import OpenTo
from lapinq_core.domain.host_names import is_sure, read_host_names

_SENTENCE = "this server does not know this host name: add it to LAPINQ_ALLOWED_HOSTS, or use an IP address"
_FOR_PROBES = frozenset({"/livez", "/readyz", "/health", "/metrics"})


class HostNames:
    """Rejects with 400 requests for an unknown host name.

    It applies while the API is open or the default password works, and if the settings name hosts. It sits inside of
    CORS, because browsers send preflight requests without a key.
    """

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        self._names = read_host_names(state.settings.allowed_hosts)
        self._is_strict = state.settings.open_to is not OpenTo.NOBODY or bool(self._names)
        self._is_known = _recognizer(self._names)

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
            await refuse_socket(scope, receive, send, error)
            return
        await self._app(scope, receive, send)

    def _is_sure(self, scope: Scope) -> bool:
        """Whether every `Host` header names a known host. Only HTTP/1.0 clients may send none; browsers always send
        one."""
        found = False
        for name, value in scope["headers"]:
            if name == b"host":
                found = True
                if not self._is_known(value):
                    return False
        return found or scope.get("http_version") == "1.0"

    async def _is_served(self, scope: Scope) -> bool:
        """Whether to serve a request under any name: a probe, one with a valid key, or on a server that isn't open.
        Raises `DatabaseUnavailable` and `TooManyWrongKeys`."""
        if scope["type"] == "http" and route_path(scope) in _FOR_PROBES:
            return True
        if await actor_by_key(self._state, scope) is not None:
            return True
        if not self._is_strict and not await self._state.default_password.works():
            return True
        check_key_throttle(scope)
        return False


def _recognizer(names: Collection[str]) -> Callable[[bytes], bool]:
    @lru_cache(maxsize=128)  # clients use few
    def is_known(host: bytes) -> bool:
        return is_sure(host.decode("latin-1"), names)

    return is_known

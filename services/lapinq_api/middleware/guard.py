"""Decides whether a request may go on, by rules that don't ask who sent it: a function each, in the order of the file.

What an inner layer refuses passes here, too, on its way out: changes refused to known callers go to the audit log.
"""

import logging
from collections.abc import Callable, Collection
from functools import lru_cache
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.auth.api_key import actor_by_key, check_key_throttle
from lapinq_api.auth.refusal_log import record_refused_change
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused, answer
from lapinq_api.wire.origins import SAFE_METHODS, is_same_origin
from lapinq_api.wire.path import route_path
from lapinq_api.wire.sockets import refuse_socket
from lapinq_core.domain.errors import LapinqError
from lapinq_core.domain.hosts.exposure import OpenTo
from lapinq_core.domain.hosts.host_names import is_sure, read_host_names
from lapinq_core.durable import links

_NOT_RUNNING = (
    "lapinq does not run in this application, because its lifespan did not start: a plain mount does not start the"
    " lifespan of what it mounts. Mount it with lapinq.contrib.starlette.mount"
)
_UNKNOWN_HOST = (
    "this server does not know this host name: add it to LAPINQ_ALLOWED_HOSTS, or use an IP address"
)
_PROBES = frozenset({"/livez", "/readyz", "/metrics"})
_PROBES_BY_ANY_NAME = _PROBES | {"/health"}
_COOKIE = b"lapinq_session"

log = logging.getLogger(__name__)


class Guard:
    """Inside of `ErrorResponses`, which answers what it raises, and of CORS, because browsers send preflight requests
    without a key. WebSockets are refused here."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        names = read_host_names(state.settings.allowed_hosts)
        self._app = app
        self._state = state
        self._is_known_host = _recognizer(names)
        self._is_strict = state.settings.open_to is not OpenTo.NOBODY or bool(names)
        self._is_read_only = state.settings.read_only
        self._is_logged = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        try:
            self._check_lifespan(scope)
            if not self._names_known_host(scope):
                await self._check_unknown_host(scope)
            if scope["type"] == "http":
                if self._is_read_only:
                    check_no_change(scope)
                check_origin(scope)
        except LapinqError as error:
            if scope["type"] == "http":
                raise
            await refuse_socket(scope, receive, send, answer(error))
            return
        try:
            await self._app(scope, receive, send)
        except Refused as error:
            if error.status == HTTPStatus.FORBIDDEN:
                await record_refused_change(self._state, scope, str(error))
            raise

    def _check_lifespan(self, scope: Scope) -> None:
        """Raises `Refused` (503) unless the lifespan runs, except for probes and metrics. The log says so once.

        That is a mistake in how the application is embedded: Starlette and FastAPI don't run the lifespan of a mounted
        application. Without this, everything would look as if the database were unavailable.
        """
        if self._state.is_connected or route_path(scope) in _PROBES:
            return
        if not self._is_logged:
            self._is_logged = True
            log.error("%s", _NOT_RUNNING)
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, _NOT_RUNNING)

    def _names_known_host(self, scope: Scope) -> bool:
        """Whether every `Host` header names a known host. Only HTTP/1.0 clients may send none; browsers always send
        one."""
        found = False
        for name, value in scope["headers"]:
            if name == b"host":
                found = True
                if not self._is_known_host(value):
                    return False
        return found or scope.get("http_version") == "1.0"

    async def _check_unknown_host(self, scope: Scope) -> None:
        """Raises `Refused` (400) on a server that is open, has the default password or names hosts in its settings,
        except for probes and requests with a valid key; and `DatabaseUnavailable` and `TooManyWrongKeys`.

        This protects against DNS rebinding. A web page may let its own host name resolve to this server's address once
        it is loaded. To the browser it then has the same origin as this server, so neither `Origin` nor CORS gives it
        away. Only the name in `Host` does.
        """
        if scope["type"] == "http" and route_path(scope) in _PROBES_BY_ANY_NAME:
            return
        if await actor_by_key(self._state, scope) is not None:
            return
        if not self._is_strict and not await self._state.default_password.works():
            return
        check_key_throttle(scope)
        raise Refused(HTTPStatus.BAD_REQUEST, _UNKNOWN_HOST)


def check_no_change(scope: Scope) -> None:
    """Raises `Refused` (403) for every unsafe method, except login and logout.

    It covers all paths, so that new ones are included, and every caller.
    """
    if scope["method"] not in SAFE_METHODS and route_path(scope) not in {"/login", "/logout"}:
        raise Refused(HTTPStatus.FORBIDDEN, "this server is read-only")


def check_origin(scope: Scope) -> None:
    """Raises `Refused` (403) for changes that carry the session cookie and come from another origin (CSRF). Logging out
    is a change by any method.

    The login is checked without a cookie, too. Otherwise a page could log its visitor in as somebody else. A request
    with a key needs no check, because a page of another origin can't send the header unless CORS allows it. A decision
    by a link needs none either: it takes the link's token and uses no session.
    """
    path = route_path(scope)
    is_change = (scope["method"] not in SAFE_METHODS and path != f"/{links.PATH}") or path == "/logout"
    if is_change and _could_use_session(scope) and not is_same_origin(scope):
        raise Refused(HTTPStatus.FORBIDDEN, "a page of another origin may not do this with a session")


def _could_use_session(scope: Scope) -> bool:
    for name, value in scope["headers"]:
        if name == b"cookie" and _COOKIE in value:
            return True
    return route_path(scope) in {"/login", "/welcome"}


def _recognizer(names: Collection[str]) -> Callable[[bytes], bool]:
    @lru_cache(maxsize=128)  # clients use few
    def is_known(host: bytes) -> bool:
        return is_sure(host.decode("latin-1"), names)

    return is_known

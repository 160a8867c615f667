"""Authenticates requests to the API and the dashboard, and rejects the others.

It tries, in this order, the key in the settings, a named key, a session cookie, and on an open API anonymous access.
Keys and sessions cost a query only if the request brings one. Everything outside of API and dashboard is public:
login, logout, health, metrics, static files.
"""

from collections.abc import Callable
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.auth.api_key import actor_by_key, check_key_throttle, has_master_key, record_valid
from lapinq_api.auth.exposure import credentials_needed, needs_no_credentials
from lapinq_api.auth.sessions import identify
from lapinq_api.credentials.caller import (
    ACTOR_KEY,
    RIGHTS_KEY,
    Rights,
    unauthenticated,
    work_for,
    work_for_address,
)
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import is_same_origin
from lapinq_api.wire.path import is_api, route_path
from lapinq_api.wire.redirect import to_login, to_login_and_back
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.account import ANONYMOUS, MASTER_KEY, Actor
from lapinq_core.domain.hosts.origins import ANY, read_origins

_FOR_SCRIPTS = ("/me", "/account/sessions")
_PAGES = (
    "/",
    "/me",
    "/tasks",
    "/bulk-actions",
    "/limits",
    "/queues",
    "/queue",
    "/function",
    "/key",
    "/schedules",
    "/workers",
    "/failed",
    "/errors",
    "/search",
    "/functions",
    "/waits",
    "/webhooks",
    "/workflows",
    "/admin",
    "/account",
    "/ws",
)
_CREDENTIALS = frozenset({b"x-api-key", b"cookie"})
_FOR_PAGES = "the dashboard needs a session; the API is below /api/v1"
_BELOW = ("/queue/", "/tasks/", "/schedules/", "/workers/", "/workflows/", "/errors/", "/admin/", "/account/")


class Authentication:
    """OPTIONS passes without a key, because browsers send it before any of our headers.

    `unavailable_page` replaces pages while the database, which stores the sessions, is unavailable.
    """

    def __init__(
        self, app: ASGIApp, state: State, unavailable_page: Callable[[Scope, DatabaseUnavailable], Response]
    ) -> None:
        self._app = app
        self._unavailable_page = unavailable_page
        self._state = state
        self._pages = read_origins(state.settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            work_for_address(scope)
        if scope["type"] == "http" and scope["method"] != "OPTIONS":
            if is_api(scope):
                scope[ACTOR_KEY] = actor = await self._caller(scope)
                work_for(actor)
                scope[RIGHTS_KEY] = Rights(self._caller)
            elif _is_dashboard(path := route_path(scope)):
                await self._dashboard(scope, path, receive, send)
                return
        await self._app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Actor:
        if any(name in _CREDENTIALS for name, _ in scope["headers"]):
            if (by_key := await actor_by_key(self._state, scope)) is not None:
                return by_key
            session = await identify(self._state, scope)
            if session is not None:
                record_valid(self._state, scope)
                return session.actor
        if not needs_no_credentials(self._state, scope):
            check_key_throttle(scope)
            raise credentials_needed(self._state)
        if not self._is_own_page(scope):
            # Clients that can reach an open API are trusted; web pages that they visit are not, even to read: an
            # application that mounts this one may allow any origin to.
            raise Refused(HTTPStatus.FORBIDDEN, "a page of another origin needs a key for this")
        return ANONYMOUS

    def _is_own_page(self, scope: Scope) -> bool:
        """Whether a request comes from a page of this server, a page of an origin in the settings, or no page.

        `Guard` has already checked which names are this server's.
        """
        if ANY in self._pages or is_same_origin(scope):
            return True
        origins = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"origin"]
        return len(origins) == 1 and origins[0] in self._pages

    async def _user(self, scope: Scope) -> Actor:
        session = await identify(self._state, scope)
        if session is None:
            raise unauthenticated()
        return session.actor

    async def _dashboard(self, scope: Scope, path: str, receive: Receive, send: Send) -> None:
        is_page = _is_page_load(scope, path)
        has_key = _needs_key(path) and has_master_key(self._state, scope)
        if has_key and path.startswith("/admin"):
            scope[ACTOR_KEY] = MASTER_KEY
            await self._app(scope, receive, send)
            return
        try:
            session = await identify(self._state, scope)
        except DatabaseUnavailable as error:
            if not is_page:
                raise
            await self._unavailable_page(scope, error)(scope, receive, send)
            return
        if session is None and has_key:
            scope[ACTOR_KEY] = MASTER_KEY  # it has no account, and the answer says so
        elif session is None:
            check_key_throttle(scope)
            if not is_page:
                raise unauthenticated(_FOR_PAGES)
            redirect = to_login_and_back if _accepts_html(scope) else to_login
            await redirect(Request(scope))(scope, receive, send)
            return
        else:
            record_valid(self._state, scope)
            work_for(session.actor)
            scope[RIGHTS_KEY] = Rights(self._user)
        await self._app(scope, receive, send)


def _is_dashboard(path: str) -> bool:
    return path in _PAGES or path.startswith(_BELOW)


def _needs_key(path: str) -> bool:
    """Whether the key in the settings gives access, too. A named key never does."""
    return path.startswith(("/me", "/admin", "/account"))


def _is_page_load(scope: Scope, path: str) -> bool:
    """Whether the request loads a page in a browser, so that a redirect to the login helps."""
    if scope["method"] not in {"GET", "HEAD"} or path.startswith(_FOR_SCRIPTS):
        return False
    return _accepts_html(scope) or b"json" not in _accepted(scope)


def _accepts_html(scope: Scope) -> bool:
    """Whether a browser asks for a page. Programs, which accept anything, get the bare login, as published."""
    return b"text/html" in _accepted(scope)


def _accepted(scope: Scope) -> bytes:
    return b",".join(value for name, value in scope["headers"] if name == b"accept")

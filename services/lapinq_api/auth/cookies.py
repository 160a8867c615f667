"""The session cookie.

Its name is `__Host-lapinq_session` over TLS, and `lapinq_session` otherwise. Browsers accept the first only from this
host and over TLS, while a sibling host may set the second. So if a request brings the first, the second is ignored,
whatever either holds. Below a path prefix only the plain name works, because `__Host-` is for a whole host.
"""

import re
from http.cookies import SimpleCookie

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lapinq_api.wire.path import prefix_of
from lapinq_core.people.sessions import ABSOLUTE_SECONDS

COOKIE = "lapinq_session"
GUARDED_COOKIE = f"__Host-{COOKIE}"


def token_in(scope: Scope) -> str | None:
    """The session token in the request's cookie; None if there is none or it isn't well-formed."""
    cookies = _cookies(scope)
    if not cookies:
        return None
    if not prefix_of(scope) and any(_GUARDED_NAME.search(value) for value in cookies):
        return _first(_GUARDED, cookies)
    return _first(_PLAIN, cookies)


def tokens_in(scope: Scope) -> list[str]:
    """The first token under each name: all sessions that this browser may have."""
    cookies = _cookies(scope)
    names = (_PLAIN,) if prefix_of(scope) else (_GUARDED, _PLAIN)
    return [token for name in names if (token := _first(name, cookies)) is not None]


def is_token(text: str) -> bool:
    """Whether `text` has the form of a token: 32 bytes in URL-safe base64."""
    return _SHAPE.fullmatch(text) is not None


def set_token(response: Response, request: Request, token: str) -> None:
    """Sets the cookie, out of reach of scripts and of requests that other sites send."""
    if _is_guarded(request.scope):
        set_cookie(response, request.scope, GUARDED_COOKIE, token, int(ABSOLUTE_SECONDS))
        set_cookie(response, request.scope, COOKIE, "", 0)
    else:
        set_cookie(response, request.scope, COOKIE, token, int(ABSOLUTE_SECONDS))


def clear_token(response: Response, request: Request) -> None:
    """Deletes the cookie, under both names."""
    if _is_guarded(request.scope):
        set_cookie(response, request.scope, GUARDED_COOKIE, "", 0)
    set_cookie(response, request.scope, COOKIE, "", 0)


def set_cookie(response: Response, scope: Scope, name: str, value: str, max_age: int) -> None:
    """Sets a cookie out of reach of scripts. `max_age` is in seconds; 0 deletes it."""
    cookie: SimpleCookie = SimpleCookie()
    cookie[name] = value
    morsel = cookie[name]
    morsel["max-age"] = max_age
    morsel["path"] = prefix_of(scope) or "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Lax"
    if scope["scheme"] == "https":
        morsel["secure"] = True
    response.raw_headers.append((b"set-cookie", morsel.OutputString().encode("latin-1")))


def _is_guarded(scope: Scope) -> bool:
    return scope["scheme"] == "https" and not prefix_of(scope)


def _cookies(scope: Scope) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == b"cookie" and _NAME in value]


def _first(pattern: re.Pattern[bytes], cookies: list[bytes]) -> str | None:
    return next((found[1].decode() for value in cookies if (found := pattern.search(value))), None)


_NAME = COOKIE.encode()
_VALUE = rb"([A-Za-z0-9_-]{43})\s*(?=;|$)"
_GUARDED_NAME = re.compile(rb"(?:^|;)\s*__Host-" + _NAME + rb"=")
_GUARDED = re.compile(_GUARDED_NAME.pattern + _VALUE)
_PLAIN = re.compile(rb"(?:^|;)\s*" + _NAME + rb"=" + _VALUE)
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")

"""The cookie that a session's token travels in."""

import re
from http.cookies import SimpleCookie

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lapinq_api.middleware.path import prefix_of
from lapinq_core.store.sessions import ABSOLUTE_SECONDS

COOKIE = "lapinq_session"


def token_in(scope: Scope) -> str | None:
    """The token that a request brings in its cookie; None without one, or where it is nothing of ours."""
    for name, value in scope["headers"]:
        if name == b"cookie" and _NAME in value:
            found = _TOKEN.search(value)
            if found:
                return found[1].decode()
    return None


def is_token(text: str) -> bool:
    """Whether `text` looks like one: 32 bytes in URL-safe base64."""
    return _SHAPE.fullmatch(text) is not None


def set_token(response: Response, request: Request, token: str) -> None:
    """Has the browser keep `token`, out of reach of scripts and of requests that other sites make it send."""
    _set(response, request, token, int(ABSOLUTE_SECONDS))


def clear_token(response: Response, request: Request) -> None:
    """Has the browser forget the token."""
    _set(response, request, "", 0)


def _set(response: Response, request: Request, value: str, max_age: int) -> None:
    cookie: SimpleCookie = SimpleCookie()
    cookie[COOKIE] = value
    morsel = cookie[COOKIE]
    morsel["max-age"] = max_age
    morsel["path"] = prefix_of(request.scope) or "/"
    morsel["httponly"] = True
    morsel["samesite"] = "Lax"
    if request.scope["scheme"] == "https":
        morsel["secure"] = True
    response.raw_headers.append((b"set-cookie", morsel.OutputString().encode("latin-1")))


_NAME = COOKIE.encode()
_TOKEN = re.compile(rb"(?:^|;)\s*" + _NAME + rb"=([A-Za-z0-9_-]{43})\s*(?=;|$)")
_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")

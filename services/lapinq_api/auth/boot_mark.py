"""Tells a browser that logs in again whether a restart ended its session.

Without a session secret in the settings, the server makes a random one, and a restart ends all sessions. So each login
leaves a second cookie, a mark of that secret. A later login page that sees another mark explains what happened.
"""

import hmac
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from lapinq_api.auth.cookies import set_cookie
from lapinq_core.people.sessions import ABSOLUTE_SECONDS

if TYPE_CHECKING:
    from lapinq_api.state import State

COOKIE = "lapinq_boot"
_BYTES = 8


def set_mark(state: "State", response: Response, request: Request) -> None:
    """Marks the browser, if a restart will end its session."""
    if state.has_random_secret:
        set_cookie(response, request.scope, COOKIE, _mark(state), int(ABSOLUTE_SECONDS))


def clear_mark(response: Response, request: Request) -> None:
    """For a user who logs out: no restart can end that session."""
    if COOKIE in request.cookies:
        set_cookie(response, request.scope, COOKIE, "", 0)


def has_restarted(state: "State", scope: Scope) -> bool:
    """Whether the browser logged in before a restart that ended its session."""
    mark = Request(scope).cookies.get(COOKIE)
    return state.has_random_secret and mark is not None and mark != _mark(state)


def _mark(state: "State") -> str:
    return hmac.digest(state.session_secret, b"boot", "sha256")[:_BYTES].hex()

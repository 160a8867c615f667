"""The login page, its form, and logout."""

import logging
from functools import partial
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.auth import boot_mark
from lapinq_api.auth.cookies import clear_token, set_token, token_in
from lapinq_api.auth.sessions import identify
from lapinq_api.auth.sign_in import DefaultPasswordElsewhere, sign_in, sign_out
from lapinq_api.auth.throttle import TooManyTries
from lapinq_api.dashboard.forms import field, read_form, sentence
from lapinq_api.dashboard.page import unavailable
from lapinq_api.dashboard.page.audience import locale_of
from lapinq_api.dashboard.page.rendering import PageEndpoint, page
from lapinq_api.dashboard.page.return_path import return_path
from lapinq_api.dashboard.page.texts import Texts, texts_in
from lapinq_api.dashboard.page.view import Views
from lapinq_api.state import State
from lapinq_api.wire.errors import RETRY_AFTER_SECONDS
from lapinq_api.wire.redirect import to_login, to_page
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable, SchemaNotReady
from lapinq_core.domain.errors import InvalidValue

_NEXT = "next"
_ENDED = "ended"

log = logging.getLogger(__name__)


def routes(state: State, views: Views) -> list[Route]:
    return [
        Route("/login", PageEndpoint(partial(login, views), state), methods=["GET", "POST"]),
        Route("/logout", PageEndpoint(logout, state), methods=["GET", "POST"]),
    ]


async def login(views: Views, state: State, request: Request) -> Response:
    """The field or parameter `next` names the page to return to. Without a page of ours, that is the overview. A page
    whose session has ended leads here with the parameter `ended`."""
    if request.method == "POST":
        return await _log_in(views, state, request)
    wanted = return_path(views, request.query_params.get(_NEXT, ""))
    notice = None
    if boot_mark.has_restarted(state, request.scope):
        notice = "restarted"
    elif await _has_ended(state, request):
        notice = "ended"
    return page(request.scope, "login.html", problem=None, next=wanted, notice=notice)


async def _has_ended(state: State, request: Request) -> bool:
    """Whether the browser had a session that is no longer valid."""
    if _ENDED in request.query_params:
        return True
    try:
        return token_in(request.scope) is not None and await identify(state, request.scope) is None
    except (Overloaded, DatabaseUnavailable):
        return False


async def _log_in(views: Views, state: State, request: Request) -> Response:
    try:
        form = await read_form(state, request)
        username, password = field(form, "username"), field(form, "password")
    except InvalidValue as error:
        return _again(request, None, HTTPStatus.BAD_REQUEST, f"The form is invalid: {error.loc} {error.msg}.")
    given = form.get(_NEXT)
    wanted = return_path(views, given) if isinstance(given, str) else None
    again = partial(_again, request, wanted)
    try:
        token = await sign_in(state, request, username, password)
    except TooManyTries as error:
        return again(HTTPStatus.TOO_MANY_REQUESTS, sentence(str(error)), error.headers)
    except DefaultPasswordElsewhere as error:
        return again(error.status, _texts(request)("login.elsewhere"))
    except SchemaNotReady as error:
        return unavailable.page_for(request.scope, error)
    except (Overloaded, DatabaseUnavailable) as error:
        log.info("could not check a login: %s", error)
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return again(HTTPStatus.SERVICE_UNAVAILABLE, _texts(request)("login.later"), headers)
    if token is None:
        return again(HTTPStatus.UNAUTHORIZED, _texts(request)("login.invalid"))
    answer = to_page(request, wanted or "/")
    set_token(answer, request, token)
    boot_mark.set_mark(state, answer, request)
    return answer


async def logout(state: State, request: Request) -> Response:
    """Accepts GET, too, as published, though not from a page of another site, as `Guard` checks."""
    try:
        await sign_out(state, request)
    except DatabaseUnavailable as error:
        return unavailable.page_for(request.scope, error)  # the browser keeps the token and can try again
    answer = to_login(request)
    clear_token(answer, request)
    boot_mark.clear_mark(answer, request)
    return answer


def _again(
    request: Request, wanted: str | None, status: int, problem: str, headers: dict[str, str] | None = None
) -> Response:
    return page(request.scope, "login.html", status, headers, problem=problem, next=wanted, notice=None)


def _texts(request: Request) -> Texts:
    return texts_in(locale_of(request.scope))

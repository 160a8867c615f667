"""The page behind a one-time link, on which a user sets a password."""

import logging
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.auth import boot_mark
from lapinq_api.auth.cookies import set_token
from lapinq_api.auth.sign_in import sign_in
from lapinq_api.auth.throttle import TooManyTries
from lapinq_api.auth.welcome import find_invitation, set_first_password
from lapinq_api.dashboard.forms import field, read_form, sentence
from lapinq_api.dashboard.page import unavailable
from lapinq_api.dashboard.page.rendering import PageEndpoint, page
from lapinq_api.state import State
from lapinq_api.wire.redirect import to_login, to_page
from lapinq_core.batching.database import Overloaded
from lapinq_core.db.errors import DatabaseUnavailable
from lapinq_core.domain.accounts.passwords import MAX_PASSWORD, MIN_PASSWORD
from lapinq_core.domain.errors import InvalidValue

_TOKEN = "token"  # noqa: S105  # the name of a parameter

log = logging.getLogger(__name__)


def routes(state: State) -> list[Route]:
    return [Route("/welcome", PageEndpoint(welcome, state), methods=["GET", "POST"])]


async def welcome(state: State, request: Request) -> Response:
    """Looking at the page does not use up the link."""
    try:
        if request.method == "POST":
            return await _set_password(state, request)
        return await _form(state, request, request.query_params.get(_TOKEN, ""))
    except TooManyTries as error:
        return _page(request, HTTPStatus.TOO_MANY_REQUESTS, problem=sentence(str(error)))
    except (Overloaded, DatabaseUnavailable) as error:
        log.info("could not check a one-time link: %s", error)
        if isinstance(error, DatabaseUnavailable):
            return unavailable.page_for(request.scope, error)
        raise


async def _form(state: State, request: Request, token: str, problem: str | None = None) -> Response:
    invited = await find_invitation(state, request, token)
    if invited is None:
        return _page(request, HTTPStatus.NOT_FOUND)
    status = HTTPStatus.OK if problem is None else HTTPStatus.BAD_REQUEST
    return _page(request, status, token=token, username=invited.username, problem=problem)


async def _set_password(state: State, request: Request) -> Response:
    form = await read_form(state, request)
    token, password = field(form, _TOKEN), field(form, "password")
    try:
        username = await set_first_password(state, request, token, password)
    except InvalidValue as error:
        return await _form(state, request, token, sentence(f"{error.loc} {error.msg}"))
    if username is None:
        return _page(request, HTTPStatus.NOT_FOUND)
    session = await sign_in(state, request, username, password)
    if session is None:
        return to_login(request)  # somebody has changed it meanwhile
    answer = to_page(request, "/")
    set_token(answer, request, session)
    boot_mark.set_mark(state, answer, request)
    return answer


def _page(
    request: Request,
    status: int,
    *,
    token: str | None = None,
    username: str | None = None,
    problem: str | None = None,
) -> Response:
    return page(
        request.scope,
        "welcome.html",
        status,
        token=token,
        username=username,
        problem=problem,
        shortest=MIN_PASSWORD,
        longest=MAX_PASSWORD,
    )

"""The account page: the user's own password, sessions and permissions, and display preferences."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.auth.sessions import session_of, token_hash_of
from lapinq_api.dashboard.page.rendering import PageEndpoint, page_of
from lapinq_api.dashboard.page.texts import COOKIE
from lapinq_api.dashboard.page.words import browser
from lapinq_api.state import State
from lapinq_core.domain.accounts.passwords import MAX_PASSWORD, MIN_PASSWORD
from lapinq_core.people import sessions


def routes(state: State) -> list[Route]:
    return [Route("/account", PageEndpoint(account_page, state), methods=["GET"])]


async def account_page(state: State, request: Request) -> Response:
    session = session_of(request.scope)
    token_hash = token_hash_of(state, request.scope)
    found = await state.database.run(sessions.list_of, session.user_id, token_hash)
    shown = [(line, browser(line.user_agent)) for line in found]
    return page_of(
        state,
        request,
        "account.html",
        here="account",
        sessions=shown,
        language=request.cookies.get(COOKIE),
        shortest=MIN_PASSWORD,
        longest=MAX_PASSWORD,
    )

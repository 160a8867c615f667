"""Addresses of earlier releases, which people may have kept."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.dashboard.page.rendering import PageEndpoint
from lapinq_api.state import State
from lapinq_api.wire.redirect import to_errors


def routes(state: State) -> list[Route]:
    return [Route("/failed", PageEndpoint(failed, state), methods=["GET"])]


async def failed(_: State, request: Request) -> Response:
    return to_errors(request)

"""Addresses of earlier releases, which people may have kept, and those that they guess."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.dashboard.page.rendering import PageEndpoint
from lapinq_api.state import State
from lapinq_api.wire.redirect import to_errors, to_page


def routes(state: State) -> list[Route]:
    return [
        Route("/failed", PageEndpoint(failed, state), methods=["GET"]),
        Route("/queues/{name:path}", PageEndpoint(queue, state), methods=["GET"]),
    ]


async def failed(_: State, request: Request) -> Response:
    return to_errors(request)


async def queue(_: State, request: Request) -> Response:
    """Names may contain slashes, so the page of a queue takes its name as a parameter."""
    name = request.path_params["name"]
    return to_page(request, f"/queue?{urlencode({'name': name})}" if name else "/queues")

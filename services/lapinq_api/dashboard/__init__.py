"""The dashboard: server-rendered pages, and the two static files that belong to them."""

from starlette.routing import Route

from lapinq_api.dashboard import pages, static
from lapinq_api.state import State


def routes(state: State) -> list[Route]:
    return [*pages.routes(state), *static.routes()]

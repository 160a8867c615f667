"""The dashboard: server-rendered pages, and the static files that belong to them."""

from starlette.routing import BaseRoute

from lapinq_api.dashboard import account, live, login, pages, static
from lapinq_api.state import State


def routes(state: State) -> list[BaseRoute]:
    return [
        *pages.routes(state),
        *live.routes(state),
        *login.routes(state),
        *account.routes(state),
        *static.routes(),
    ]

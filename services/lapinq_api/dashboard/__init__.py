"""The dashboard: server-rendered pages that stay live, and the static files that belong to them."""

from starlette.routing import BaseRoute

from lapinq_api.dashboard import account, login, pages
from lapinq_api.dashboard.live import web_socket
from lapinq_api.dashboard.page import static
from lapinq_api.dashboard.page.view import Views
from lapinq_api.dashboard.views import VIEWS
from lapinq_api.state import State


def routes(state: State) -> list[BaseRoute]:
    return [
        # That of the users is an operation of the API, as published.
        *(pages.route(view, state) for view in VIEWS if view.path != "/admin/users"),
        *web_socket.routes(state, Views(VIEWS)),
        *login.routes(state),
        *account.routes(state),
        *static.routes(),
    ]

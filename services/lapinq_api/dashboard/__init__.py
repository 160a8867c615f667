"""The dashboard: server-rendered pages with live updates, and their static files."""

from starlette.routing import BaseRoute

from lapinq_api.dashboard import account, answering, decide, everywhere, finding, login, moved, pages, welcome
from lapinq_api.dashboard.live import web_socket
from lapinq_api.dashboard.page import static
from lapinq_api.dashboard.page.view import Views
from lapinq_api.dashboard.views import VIEWS
from lapinq_api.state import State


def routes(state: State) -> list[BaseRoute]:
    views = Views(VIEWS)
    return [
        # The page of users is published as an operation of the API.
        *(pages.route(view, state) for view in VIEWS if view.path != "/admin/users"),
        *web_socket.routes(state, views),
        *finding.routes(state),
        *moved.routes(state),
        *everywhere.routes(state),
        *login.routes(state, views),
        *welcome.routes(state),
        *decide.routes(state),
        *answering.routes(state),
        *account.routes(state),
        *static.routes(),
    ]

"""Where others can reach the server, a session with the default password may only change that password."""

from http import HTTPStatus

from starlette.types import Scope

from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.host_names import is_address, is_loopback
from lapinq_core.people.sessions import Session

REFUSAL = (
    "this account has the default password: change it first, on the page /account or with POST"
    " /account/password"
)


def must_change_password(state: State, scope: Scope, session: Session) -> bool:
    """Whether a session may only change its password: it has the default one, and others reach the server.

    The settings name the address only for our own server. Under another one, the request tells it.
    """
    return session.has_default_password and (
        not is_loopback(state.settings.host) or _reached_address_is_public(scope)
    )


def check_password_changed(state: State, scope: Scope, session: Session) -> None:
    """Raises `Refused` (403) for a session that must change its password first."""
    if must_change_password(state, scope, session):
        raise Refused(HTTPStatus.FORBIDDEN, REFUSAL)


def _reached_address_is_public(scope: Scope) -> bool:
    server = scope.get("server")
    return server is not None and is_address(server[0]) and not is_loopback(server[0])

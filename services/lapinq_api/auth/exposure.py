"""Whom the API answers without a key or a session, and what it tells the others."""

from typing import TYPE_CHECKING

from starlette.types import Scope

from lapinq_api.credentials.caller import unauthenticated
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.sources import is_local_request
from lapinq_core.domain.hosts.exposure import OpenTo

if TYPE_CHECKING:
    from lapinq_api.state import State

_TO_OTHERS = (
    "this needs a valid X-API-Key header or a session: without them the API answers requests from its own machine only."
    " Set LAPINQ_API_KEY on the server, or make a named key. LAPINQ_OPEN_API=everyone opens the API to all who reach it"
)


def needs_no_credentials(state: "State", scope: Scope) -> bool:
    """Whether the API answers this request without a key or a session."""
    match state.settings.open_to:
        case OpenTo.NOBODY:
            return False
        case OpenTo.LOCAL:
            return is_local_request(scope)
        case OpenTo.EVERYONE:
            return True


def credentials_needed(state: "State") -> Refused:
    """The error for a request that the API answers with a key or a session only."""
    return unauthenticated(_TO_OTHERS) if state.settings.open_to is OpenTo.LOCAL else unauthenticated()

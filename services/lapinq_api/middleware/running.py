"""Says what is wrong when requests arrive although the application's lifespan does not run.

That is a mistake in how the application is embedded: Starlette and FastAPI don't run the lifespan of a mounted
application. Without this, everything would look as if the database were unavailable.
"""

import logging
from http import HTTPStatus

from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.path import route_path
from lapinq_api.wire.socket_refusal import refuse_socket

_SENTENCE = (
    "lapinq does not run in this application, because its lifespan did not start: a plain mount does not start the"
    " lifespan of what it mounts. Mount it with lapinq.contrib.starlette.mount"
)
_FOR_PROBES = frozenset({"/livez", "/readyz", "/metrics"})

log = logging.getLogger(__name__)


class Running:
    """Rejects requests with 503 unless the lifespan runs, except for probes and metrics. The log says so once."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        self._is_logged = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._state.is_connected or scope["type"] == "lifespan" or route_path(scope) in _FOR_PROBES:
            await self._app(scope, receive, send)
            return
        if not self._is_logged:
            self._is_logged = True
            log.error("%s", _SENTENCE)
        error = Refused(HTTPStatus.SERVICE_UNAVAILABLE, _SENTENCE)
        if scope["type"] == "http":
            raise error
        await refuse_socket(scope, receive, send, error)

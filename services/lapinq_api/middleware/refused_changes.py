"""Records in the audit log which changes known callers were refused."""

from http import HTTPStatus

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.auth.refusal_log import record_refused_change
from lapinq_api.credentials.caller import ACTOR_KEY, author_of
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.origins import SAFE_METHODS
from lapinq_api.wire.path import route_path
from lapinq_core.domain.accounts.account import Actor, ActorKind

_MAX_PATH = 300


class RefusedChanges:
    """Around authentication. Refused requests of strangers and of other origins' pages are only in the server's log."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Refused as error:
            if error.status == HTTPStatus.FORBIDDEN and _is_change_by_somebody(scope):
                await self._note(scope, str(error))
            raise

    async def _note(self, scope: Scope, sentence: str) -> None:
        # Without the query, which may contain search terms.
        target = f"{scope['method']} {route_path(scope)[:_MAX_PATH]}".encode(errors="replace").decode()
        await record_refused_change(self._state, author_of(Request(scope)), target, sentence)


def _is_change_by_somebody(scope: Scope) -> bool:
    actor: Actor | None = scope.get(ACTOR_KEY)
    is_known = actor is not None and actor.kind is not ActorKind.ANONYMOUS
    return is_known and scope["type"] == "http" and scope["method"] not in SAFE_METHODS

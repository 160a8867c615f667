"""The REST API for one program on this machine, which calls it without a network: the command line.

It has the operations of the API and none of what stands between a server and strangers. Every request comes from the
same caller, who is known beforehand and may do everything.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from lapinq_api.connecting import connected
from lapinq_api.credentials.caller import ACTOR_KEY
from lapinq_api.middleware.error_responses import ErrorResponses
from lapinq_api.operations.endpoint import routes_for
from lapinq_api.operations.fixed_paths import FixedPaths
from lapinq_api.routes import OPERATIONS
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Actor, ActorKind
from lapinq_core.runtime.settings import Settings


@asynccontextmanager
async def local_app(settings: Settings, operator: str) -> AsyncGenerator[ASGIApp]:
    """The application, while the context lasts, on the database that `settings` names and the caller has checked.

    The audit log records `operator` as the one who makes the changes.
    """
    state = State(settings)
    router = Router(routes_for(OPERATIONS, state), redirect_slashes=False)
    caller = Actor(kind=ActorKind.COMMAND_LINE, name=operator, is_admin=True)
    async with connected(state, "lapinq-command"):
        state.database.admit_calls()
        yield ErrorResponses(_SameCaller(FixedPaths(router), caller))


class _SameCaller:
    def __init__(self, app: ASGIApp, caller: Actor) -> None:
        self._app = app
        self._caller = caller

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ACTOR_KEY] = self._caller
        scope["client"] = None  # the audit log has no address of it
        scope["app"] = self  # with an application the router raises what else it would answer as text
        await self._app(scope, receive, send)

"""From a handler to what a route calls."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lapinq_api.state import State

Handler = Callable[[State, Request], Awaitable[Response]]


class Endpoint:
    """A handler with the state it works on. What it raises is answered by `middleware.failures`."""

    def __init__(self, handler: Handler, state: State) -> None:
        self._handler = handler
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._handler(self._state, Request(scope, receive))
        await response(scope, receive, send)


def by_method(path: str, handlers: dict[str, Handler], state: State) -> Route:
    """A path with a handler for each method, in one route: of several, a 405 would name the methods of the first."""

    async def dispatch(state: State, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        return await handlers[method](state, request)

    return Route(path, Endpoint(dispatch, state), methods=list(handlers))

"""From a handler to what a route calls."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
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

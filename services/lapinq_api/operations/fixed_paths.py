"""Routes paths without parameters by a table lookup; the router would try one path after another.

It also answers 405 for a fixed path's other methods, which the router would try on paths with parameters: DELETE
/tasks/failed would delete a task named "failed".
"""

from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send

from lapinq_api.operations.endpoint import Endpoint
from lapinq_api.wire.path import route_path


class FixedPaths:
    """Stands in front of `router`, which serves everything else. Sets the route in the scope as the router does."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._routes = {
            route.path: route
            for route in router.routes
            if isinstance(route, Route)
            and isinstance(route.endpoint, Endpoint)
            and not route.param_convertors
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self._routes.get(route_path(scope)) if scope["type"] == "http" else None
        if route is None:
            await self._router(scope, receive, send)
            return
        scope["route"] = route
        scope["endpoint"] = route.endpoint
        await route.handle(scope, receive, send)

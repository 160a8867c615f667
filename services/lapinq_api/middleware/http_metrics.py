"""Counts every request for the metrics, by the template of its route: a path that was never declared is `other`."""

from starlette.types import Scope

from lapinq_api.metrics.counted import Counted
from lapinq_core.runtime.tallies import OTHER

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ANSWER = "none"
"""Stands for the status where the client was gone before the answer."""


class HttpMetrics:
    """Told of each request by `Timing`. None of what it is given becomes a label."""

    def __init__(self, counted: Counted) -> None:
        self._counted = counted

    def __call__(self, scope: Scope, status: int, seconds: float) -> None:
        method: str = scope["method"]
        # The router leaves the route it chose in the scope.
        route: str = getattr(scope.get("route"), "path", OTHER)
        self._counted.answered(
            method if method in METHODS else OTHER, route, str(status) if status else NO_ANSWER, seconds
        )

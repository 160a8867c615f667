"""Counts every request by the template of its route; an undeclared path counts as `other`."""

from starlette.types import Scope

from lapinq_api.metrics.counters import Counters
from lapinq_core.monitoring.tallies import OTHER

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_RESPONSE = "none"
"""The status if the client disconnected before the response."""


class HttpMetrics:
    """Called by `Timing` for each request. No value that a client chose becomes a label."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def __call__(self, scope: Scope, status: int, seconds: float) -> None:
        method: str = scope["method"]
        # The router stores the chosen route in the scope.
        route: str = getattr(scope.get("route"), "path", OTHER)
        self._counters.answered(
            method if method in METHODS else OTHER, route, str(status) if status else NO_RESPONSE, seconds
        )

"""The Prometheus metrics of this server, of the queues, and of an embedded worker and scheduler."""

from functools import partial

from prometheus_client.core import Metric
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.metrics.gauges import families_of
from lapinq_api.operations.endpoint import Answer, Needs, Operation
from lapinq_api.state import State
from lapinq_core.db.errors import DatabaseUnavailable


async def metrics(state: State, request: Request) -> Response:
    body, content_type = await state.scrapes.page(request.headers.get("accept", ""), partial(_ask, state))
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


async def _ask(state: State) -> list[Metric]:
    try:
        return await state.gauges.ask()
    except DatabaseUnavailable:
        return families_of(None)


OPERATIONS = (
    Operation(
        method="GET",
        path="/metrics",
        handler=metrics,
        needs=Needs.NOBODY,
        tag="server",
        summary="Prometheus metrics",
        description=(
            "Also answers while the database is unavailable: then `lapinq_database_up` is 0 and metrics"
            " from the database are missing. With `application/openmetrics-text` in the `Accept` header"
            " the answer is OpenMetrics."
        ),
        answers={
            200: Answer(description="All metrics in the Prometheus text format.", media_type="text/plain")
        },
    ),
)

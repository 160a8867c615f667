"""Looking at queues."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.codec import Json
from lapinq_api.endpoint import Endpoint
from lapinq_api.query import read_query
from lapinq_api.state import State
from lapinq_core.queue import inspect


def routes(state: State) -> list[Route]:
    return [Route("/api/v1/queues", Endpoint(list_queues, state), methods=["GET"])]


async def list_queues(state: State, request: Request) -> Response:
    read_query(request.scope, frozenset())
    return Json(await state.database.run(inspect.count_queues))

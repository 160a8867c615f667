"""Searches one value of a task that is too large for its page, which shows and searches the others by itself."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lapinq_api.credentials.caller import actor_of, require_sight
from lapinq_api.dashboard.page.rendering import PageEndpoint
from lapinq_api.operations.task_path import task_id, unknown_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import read_query
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.excerpts import MAX_EXCERPTS, Excerpt, excerpts_of
from lapinq_core.lookup import task_detail
from lapinq_core.tasks import inspect

MAX_TEXT = 200


class Found(msgspec.Struct):
    """The first places, and whether there are more."""

    excerpts: list[Excerpt]
    has_more: bool


def routes(state: State) -> list[Route]:
    return [Route("/tasks/{id}/find", PageEndpoint(find, state), methods=["GET"])]


async def find(state: State, request: Request) -> Response:
    which = task_id(request)
    query = read_query(request.scope, frozenset({"field", "text"}))
    field, text = query.get("field", ""), query.get("text", "")
    if field not in task_detail.VALUES:
        raise InvalidValue("field", f"must be one of {', '.join(task_detail.VALUES)}")
    if not 1 <= len(text) <= MAX_TEXT:
        raise InvalidValue("text", f"must have 1 to {MAX_TEXT} characters")
    names = await state.database.run(inspect.get_names, which)
    if names is None:
        raise unknown_task()
    require_sight(request, names.queue_name, unknown_task())
    # A search of a hidden value would let the caller guess it letter by letter.
    view = state.payloads.for_(actor_of(request))
    view.check_search({field: text}, [names.queue_name])
    value = await state.database.scan(task_detail.get_value, which, field)
    found = await asyncio.to_thread(excerpts_of, value or "", text, MAX_EXCERPTS + 1)
    return Json(Found(found[:MAX_EXCERPTS], len(found) > MAX_EXCERPTS))

"""Lists tasks, newest first: all of them, or those that failed."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, narrow
from lapinq_api.operations.bodies.objects import TaskObject
from lapinq_api.operations.endpoint import Answer, Handler, Needs, Operation, query_of
from lapinq_api.operations.filters.task import FILTERS, PAGE, STATUS, read_page
from lapinq_api.operations.filters.task_values import cursor_after
from lapinq_api.operations.paging import CURSOR_HEADER, CURSOR_HEADERS, read_limit
from lapinq_api.operations.task_path import links_to_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search import listing
from lapinq_core.lookup.search.argument_positions import with_positions
from lapinq_core.tasks.filters import TaskFilter


async def list_tasks(state: State, request: Request) -> Response:
    query = query_of(request)
    return await _page(state, request, query, read_page(query))


async def list_failed(state: State, request: Request) -> Response:
    query = query_of(request)
    chosen = msgspec.structs.replace(read_page(query), status=Status.FAILED)
    return await _page(state, request, query, chosen)


async def _page(state: State, request: Request, query: dict[str, str], chosen: TaskFilter) -> Response:
    chosen = narrow(request, chosen)
    if chosen.named_arguments is not None:
        chosen = await state.database.scan(with_positions, chosen)
    view = state.payloads.for_(actor_of(request))
    view.check_search(query, chosen.named)
    objects, last = await state.database.scan(listing.list_tasks, chosen, read_limit(query))
    headers = {CURSOR_HEADER: cursor_after(last)} if last else None
    return Json(await view.encoded(f"[{','.join(objects)}]"), headers=headers)


def _tasks(of: Handler) -> Answer:
    """A page of tasks; the handler `of` returns the next one."""
    return Answer(
        description="The tasks.",
        body=list[TaskObject],
        headers=CURSOR_HEADERS,
        links={
            of.__name__: {"cursor": "$response.header.X-Next-Cursor"},
            **links_to_task("$response.body#/0/id"),
        },
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/tasks",
        handler=list_tasks,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="List tasks, newest first",
        parameters=(*FILTERS, STATUS, *PAGE),
        answers={200: _tasks(list_tasks)},
    ),
    Operation(
        method="GET",
        path="/api/v1/tasks/failed",
        handler=list_failed,
        needs=Needs.READ_OF_QUEUE,
        tag="tasks",
        summary="List failed tasks, newest first",
        description="The dead letter queue: tasks that failed with no retry left.",
        parameters=(*(one for one in FILTERS if one.name != "result"), *PAGE),
        answers={200: _tasks(list_failed)},
    ),
)

"""Lists what waits for a signal."""

from datetime import datetime
from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import narrow
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.waits import cursor_after_place, read_place
from lapinq_api.operations.paging import (
    CURSOR_HEADER,
    CURSOR_HEADERS,
    LIMIT,
    TEXT_CURSOR,
    read_limit,
)
from lapinq_api.operations.task_path import links_to_task
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.requests.signals import SIGNAL_NAME_SCHEMA
from lapinq_core.domain.requests.values import NAME_SCHEMA, Id, doc
from lapinq_core.domain.tasks.durable.calls import check_name as check_signal
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.durable.waits import WaitFilter, list_waits


class WaitObject(msgspec.Struct, kw_only=True):
    """A task that waits for a signal. Times are in UTC."""

    task_id: Id
    task_name: str
    queue_name: str
    signals: Annotated[list[str], doc("It goes on with the first signal that has one of these names.")]
    since: Annotated[datetime, doc("When it began to wait.")]
    deadline: Annotated[datetime | None, doc("When it goes on without a signal.")]


async def get_waits(state: State, request: Request) -> Response:
    query = query_of(request)
    queue, name, limit = query.get("queue"), query.get("name"), read_limit(query)
    if queue is not None:
        check_name("queue", queue)
    if name is not None:
        check_signal("name", name)
    chosen = narrow(request, WaitFilter(queue=queue, name=name, after=read_place(query)))
    found = await state.database.scan(list_waits, chosen, limit + 1)
    page = found[:limit]
    shown = [
        WaitObject(
            task_id=one.task_id,
            task_name=one.task_name,
            queue_name=one.queue,
            signals=one.names,
            since=one.since,
            deadline=one.deadline,
        )
        for one in page
    ]
    more = {CURSOR_HEADER: cursor_after_place(page[-1].place)} if len(found) > limit else None
    return Json(shown, headers=more)


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/waits",
        handler=get_waits,
        needs=Needs.READ_OF_QUEUE,
        tag="durable tasks",
        summary="List the tasks that wait for a signal, those first that wait longest",
        description="A task that waits for several at once has several entries.",
        parameters=(
            Parameter(name="queue", description="Only tasks of this queue.", schema=NAME_SCHEMA),
            Parameter(
                name="name",
                description="Only those that wait for a signal with this name.",
                schema=SIGNAL_NAME_SCHEMA,
            ),
            LIMIT,
            TEXT_CURSOR,
        ),
        answers={
            200: Answer(
                description="The waits.",
                body=list[WaitObject],
                headers=CURSOR_HEADERS,
                links={
                    "get_waits": {"cursor": "$response.header.X-Next-Cursor"},
                    **links_to_task("$response.body#/0/task_id"),
                },
            )
        },
    ),
)

"""Deleting, requeueing and cancelling many tasks at once, by filters."""

import msgspec
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import note, require
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.bulk import FILTERS, read_bulk_filter
from lapinq_api.operations.filters.task import STATUS
from lapinq_api.routes.tasks.walk import Act, walk
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import flag
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.people.audit import Entry
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import Batch, Step, Walk


class Deleted(msgspec.Struct, omit_defaults=True):
    """How many tasks were deleted, and how many that were asked for are running and were left alone.

    Of a dry run: `matching` is how many would be deleted.
    """

    deleted: int
    skipped_running: int
    matching: int | None = None
    dry_run: bool = False


class Requeued(msgspec.Struct, omit_defaults=True):
    """How many tasks wait again. Of a dry run: `matching` is how many would."""

    requeued: int
    matching: int | None = None
    dry_run: bool = False


class Cancelled(msgspec.Struct, omit_defaults=True):
    """How many tasks were cancelled. Of a dry run: `matching` is how many would be."""

    cancelled: int
    matching: int | None = None
    dry_run: bool = False


class Released(msgspec.Struct, omit_defaults=True):
    """How many tasks may start now. Of a dry run: `matching` is how many would."""

    released: int
    matching: int | None = None
    dry_run: bool = False


async def delete_tasks(state: State, request: Request) -> Response:
    query = query_of(request)
    actor = require(request, Permission.DELETE, query.get("queue"))
    chosen, is_dry = read_bulk_filter(query), flag("dry_run", query.get("dry_run"))
    state.payloads.for_(actor).check_search(query)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if is_dry:
        found = await walk(state, request, chosen, _count)
        return Json(Deleted(0, found.running, matching=found.done, dry_run=True))
    entry = _entry(request, "task.delete_many", query)
    found = await walk(state, request, chosen, _noting(bulk.delete_tasks, entry))
    return Json(Deleted(found.done, found.running))


async def requeue_tasks(state: State, request: Request) -> Response:
    query = query_of(request)
    actor = require(request, Permission.REQUEUE, query.get("queue"))
    if query.get("status", Status.FAILED) != Status.FAILED:
        raise InvalidValue("status", "must be failed: no other tasks are let wait again")
    chosen = msgspec.structs.replace(read_bulk_filter(query), status=Status.FAILED)
    state.payloads.for_(actor).check_search(query)
    is_dry = flag("dry_run", query.get("dry_run"))
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if is_dry:
        found = await walk(state, request, chosen, _count)
        return Json(Requeued(0, matching=found.done, dry_run=True))
    entry = _entry(request, "task.requeue_many", query)
    found = await walk(state, request, chosen, _noting(bulk.requeue_tasks, entry))
    return Json(Requeued(found.done))


async def cancel_tasks(state: State, request: Request) -> Response:
    query = query_of(request)
    actor = require(request, Permission.CANCEL, query.get("queue"))
    if query.get("status", Status.PENDING) != Status.PENDING:
        raise InvalidValue("status", "must be pending: no other tasks are cancelled by the many")
    chosen = msgspec.structs.replace(read_bulk_filter(query), status=Status.PENDING)
    state.payloads.for_(actor).check_search(query)
    is_dry = flag("dry_run", query.get("dry_run"))
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if is_dry:
        found = await walk(state, request, chosen, _count)
        return Json(Cancelled(0, matching=found.done, dry_run=True))
    entry = _entry(request, "task.cancel_many", query)
    found = await walk(state, request, chosen, _noting(bulk.cancel_tasks, entry))
    return Json(Cancelled(found.done))


async def run_tasks(state: State, request: Request) -> Response:
    query = query_of(request)
    actor = require(request, Permission.REQUEUE, query.get("queue"))
    if query.get("status", Status.PENDING) != Status.PENDING:
        raise InvalidValue("status", "must be pending: no other tasks wait for their time")
    chosen = msgspec.structs.replace(read_bulk_filter(query), status=Status.PENDING, is_delayed=True)
    state.payloads.for_(actor).check_search(query)
    is_dry = flag("dry_run", query.get("dry_run"))
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if is_dry:
        found = await walk(state, request, chosen, _count)
        return Json(Released(0, matching=found.done, dry_run=True))
    entry = _entry(request, "task.run_many", query)
    found = await walk(state, request, chosen, _noting(bulk.run_tasks, entry))
    return Json(Released(found.done))


def _entry(request: Request, action: str, query: dict[str, str]) -> Entry:
    filters = {name: value for name, value in query.items() if name != "dry_run"}
    return note(request, action, query.get("queue"), {"filters": filters})


def _noting(verb: bulk.Change, entry: Entry) -> Act:
    async def act(
        conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry_id: int | None
    ) -> Step | None:
        return await verb(conn, walk, batch, entry, entry_id)

    return act


async def _count(
    conn: psycopg.AsyncConnection, walk: Walk, batch: Batch, entry_id: int | None
) -> Step | None:
    return await bulk.count_tasks(conn, walk, batch)


_DRY_RUN = Parameter(
    name="dry_run",
    description="Only count what it would be done to.",
    schema={"type": "boolean", "default": False},
)


def _only(status: Status) -> Parameter:
    return Parameter(
        name="status",
        description="May be given for the likeness to other filters.",
        schema={"type": "string", "enum": [status], "default": status},
    )


OPERATIONS = (
    Operation(
        method="DELETE",
        path="/api/v1/tasks",
        handler=delete_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Delete many tasks",
        description=(
            "Deletes every task that passes the filters, without any filter all of them; one that is running is left"
            " alone and counted. Takes a key or an admin's session, or the permission `delete` on the queue that is"
            " named. It is done in small steps: tasks enqueued after the call has begun stay, and what was deleted"
            " before a failure is deleted."
        ),
        parameters=(*FILTERS, STATUS, _DRY_RUN),
        answers={200: Answer(description="How many were deleted.", body=Deleted)},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/requeue",
        handler=requeue_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Let many failed tasks wait again",
        description=(
            "Lets every failed task that passes the filters wait again with all its retries, in the order in which they"
            " were enqueued. A user needs the permission `requeue` on the queue that is named. It is done in small"
            " steps: what was requeued before a failure is."
        ),
        parameters=(*FILTERS, _only(Status.FAILED), _DRY_RUN),
        answers={200: Answer(description="How many wait again.", body=Requeued)},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/cancel",
        handler=cancel_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Cancel many tasks that wait",
        description=(
            "Cancels every pending task that passes the filters, without any filter all of them; none that runs. A user"
            " needs the permission `cancel` on the queue that is named. It is done in small steps: tasks enqueued after"
            " the call has begun stay, and what was cancelled before a failure is cancelled."
        ),
        parameters=(*FILTERS, _only(Status.PENDING), _DRY_RUN),
        answers={200: Answer(description="How many were cancelled.", body=Cancelled)},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/run",
        handler=run_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Let many tasks that wait for their time start now",
        description=(
            "Lets every pending task that passes the filters and is scheduled for later, or waits for a retry, start"
            " now, in the order in which they were enqueued. A user needs the permission `requeue` on the queue that is"
            " named. It is done in small steps: what was let start before a failure is."
        ),
        parameters=(*FILTERS, _only(Status.PENDING), _DRY_RUN),
        answers={200: Answer(description="How many may start now.", body=Released)},
    ),
)

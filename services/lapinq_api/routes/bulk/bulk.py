"""Delete, requeue, cancel and start many tasks, chosen by filters."""

from collections.abc import Callable

import msgspec
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, audit_entry, require
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.task import FILTERS, STATUS, queues_of, read_filter
from lapinq_api.operations.must_exist import QUEUE_MUST_EXIST, check_queues
from lapinq_api.routes.bulk.bulk_actions import STARTED, start_action
from lapinq_api.routes.bulk.bulk_kinds import KINDS
from lapinq_api.routes.bulk.walk import Act, walk
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import flag, whole_number
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.argument_positions import with_positions
from lapinq_core.lookup.search.counting import count_statuses
from lapinq_core.people.audit import Entry
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import Batch, Step, Walk
from lapinq_core.tasks.bulk_actions import Verb
from lapinq_core.tasks.filters import TaskFilter


class Deleted(msgspec.Struct, omit_defaults=True):
    """How many tasks were deleted, and how many matched but were left alone because they run.

    In a dry run, `matching` is how many would be deleted.
    """

    deleted: int
    skipped_running: int
    matching: int | None = None
    dry_run: bool = False


class Requeued(msgspec.Struct, omit_defaults=True):
    """How many tasks were requeued, and how many were not because another task has their unique key.

    In a dry run, `matching` is how many would be, regardless of unique keys.
    """

    requeued: int
    matching: int | None = None
    dry_run: bool = False
    skipped_unique: int = 0


class Cancelled(msgspec.Struct, omit_defaults=True):
    """How many tasks were cancelled. In a dry run, `matching` is how many would be."""

    cancelled: int
    matching: int | None = None
    dry_run: bool = False


class Released(msgspec.Struct, omit_defaults=True):
    """How many delayed tasks can start now. In a dry run, `matching` is how many could."""

    released: int
    matching: int | None = None
    dry_run: bool = False


async def delete_tasks(state: State, request: Request) -> Response:
    return await _change_many(
        state,
        request,
        Verb.DELETE,
        lambda done: Deleted(done.changed, done.running, done.matching, done.is_dry_run),
    )


async def requeue_tasks(state: State, request: Request) -> Response:
    return await _change_many(
        state,
        request,
        Verb.REQUEUE,
        lambda done: Requeued(
            done.changed, done.matching, done.is_dry_run, 0 if done.is_dry_run else done.running
        ),
    )


async def cancel_tasks(state: State, request: Request) -> Response:
    return await _change_many(
        state, request, Verb.CANCEL, lambda done: Cancelled(done.changed, done.matching, done.is_dry_run)
    )


async def run_tasks(state: State, request: Request) -> Response:
    return await _change_many(
        state, request, Verb.RUN, lambda done: Released(done.changed, done.matching, done.is_dry_run)
    )


class _Done(msgspec.Struct, frozen=True):
    """How many tasks were changed, or in a dry run how many match, and how many were left alone because they run, or
    because of their unique keys."""

    changed: int
    running: int
    matching: int | None = None
    is_dry_run: bool = False


async def _change_many(
    state: State, request: Request, verb: Verb, told: Callable[[_Done], msgspec.Struct]
) -> Response:
    kind = KINDS[verb]
    query = query_of(request)
    queues = queues_of(query)
    for queue in queues:
        require(request, kind.permission, queue)
    chosen = kind.limit(read_filter(query), "state" if "state" in query else "status")
    state.payloads.for_(actor_of(request)).check_search(query, queues)
    await check_queues(state, request, [queue for queue in queues if queue is not None])
    if chosen.named_arguments is not None:
        chosen = await state.database.scan(with_positions, chosen)
    is_dry_run, is_background, expected = _read_manner(query)
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if is_background:
        return await start_action(state, request, kind, chosen, filters=_filters(query), expected=expected)
    if is_dry_run:
        return Json(told(await _count_many(state, request, chosen)))
    entry = audit_entry(request, kind.action, query.get("queue"), {"filters": _filters(query)})
    found = await walk(state, request, chosen, _noting(kind.change, entry))
    return Json(told(_Done(found.done, found.running)))


async def _count_many(state: State, request: Request, chosen: TaskFilter) -> _Done:
    if chosen == TaskFilter(queue=chosen.queue, status=chosen.status):
        counted = await state.database.scan(count_statuses, chosen)
        if chosen.status is not None:
            counted = {chosen.status: counted[chosen.status]}
        running = counted.pop(Status.RUNNING, 0)
        return _Done(0, running, sum(counted.values()), is_dry_run=True)
    found = await walk(state, request, chosen, _count)
    return _Done(0, found.running, found.done, is_dry_run=True)


def _read_manner(query: dict[str, str]) -> tuple[bool, bool, int | None]:
    """Whether only to count, whether in the background, and how many are expected. Raises `InvalidValue`."""
    is_dry_run = flag("dry_run", query.get("dry_run"))
    is_background = flag("background", query.get("background"))
    if is_background and is_dry_run:
        raise InvalidValue("background", "must not be true with dry_run=true: a count is answered at once")
    if "expected" not in query:
        return is_dry_run, is_background, None
    if not is_background:
        raise InvalidValue("expected", "must be given with background=true only")
    expected = whole_number("expected", query["expected"], 0, lowest=0, highest=MAX_EXPECTED)
    return is_dry_run, is_background, expected


def _filters(query: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in query.items() if name not in _MANNER}


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


MAX_EXPECTED = 2**53 - 1
_MANNER = frozenset({"dry_run", "background", "expected", "must_exist"})
"""The parameters that are no filters."""

_HOW = (
    Parameter(
        name="dry_run",
        description="Only count the tasks that would change.",
        schema={"type": "boolean", "default": False},
    ),
    Parameter(
        name="background",
        description=(
            "Answer 202 immediately with a bulk action, which goes on without the client, also if the server is"
            " restarted."
        ),
        schema={"type": "boolean", "default": False},
    ),
    Parameter(
        name="expected",
        description="With `background`: how many tasks a dry run counted. Shown with the progress.",
        schema={"type": "integer", "minimum": 0, "maximum": MAX_EXPECTED},
    ),
)


def _only(status: Status) -> Parameter:
    return Parameter(
        name="status",
        description="Accepted for symmetry with other filters. No other value is allowed.",
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
            "Deletes every task that matches the filters; without a filter, all tasks. Running tasks are left alone and"
            " counted. Requires a key, an admin's session, or the permission `delete` on the given queue. Works in"
            " small steps: tasks enqueued after the call began stay, and a failure undoes no earlier step."
        ),
        parameters=(*FILTERS, STATUS, *_HOW, QUEUE_MUST_EXIST),
        answers={200: Answer(description="How many were deleted.", body=Deleted), 202: STARTED},
        errors={404: "With `must_exist`: nobody has seen one of the queues."},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/requeue",
        handler=requeue_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Requeue many failed tasks",
        description=(
            "Makes every failed task that matches the filters pending again with all its retries, in the order in which"
            " the tasks were enqueued. A user needs the permission `requeue` on the given queue. Works in small steps:"
            " a failure undoes no earlier step."
        ),
        parameters=(*FILTERS, _only(Status.FAILED), *_HOW),
        answers={200: Answer(description="How many were requeued.", body=Requeued), 202: STARTED},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/cancel",
        handler=cancel_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Cancel many pending tasks",
        description=(
            "Cancels every pending task that matches the filters; without a filter, all pending tasks. Running tasks"
            " are left alone. A user needs the permission `cancel` on the given queue. Works in small steps: tasks"
            " enqueued after the call began stay, and a failure undoes no earlier step."
        ),
        parameters=(*FILTERS, _only(Status.PENDING), *_HOW),
        answers={200: Answer(description="How many were cancelled.", body=Cancelled), 202: STARTED},
    ),
    Operation(
        method="POST",
        path="/api/v1/tasks/run",
        handler=run_tasks,
        needs=Needs.PERMISSION,
        tag="tasks",
        summary="Start many delayed tasks now",
        description=(
            "Makes every delayed task that matches the filters ready now, whether it is scheduled for later or waits"
            " for a retry, in the order in which the tasks were enqueued. A user needs the permission `requeue` on the"
            " given queue. Works in small steps: a failure undoes no earlier step."
        ),
        parameters=(*FILTERS, _only(Status.PENDING), *_HOW),
        answers={200: Answer(description="How many can start now.", body=Released), 202: STARTED},
    ),
)

"""Delete, requeue, cancel and start many tasks, chosen by filters."""

import msgspec
import psycopg
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import actor_of, audit_entry, require
from lapinq_api.operations.body import read_no_fields
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.filters.task import FILTERS, STATUS, queues_of, read_filter
from lapinq_api.operations.must_exist import QUEUE_MUST_EXIST, check_queues
from lapinq_api.routes.tasks.walk import Act, walk
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_api.wire.query import flag
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.shown_state import DELAYED, ShownState, states_of, statuses_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.argument_positions import with_positions
from lapinq_core.lookup.counting import count_statuses
from lapinq_core.people.audit import Entry
from lapinq_core.tasks import bulk
from lapinq_core.tasks.bulk import Batch, Step, Walk
from lapinq_core.tasks.filters import TaskFilter, in_states


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


class _Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of change to many tasks. Only tasks in one of `states` can change: `reason` says why."""

    permission: Permission
    action: str
    change: bulk.Change
    states: frozenset[ShownState] = frozenset(ShownState)
    reason: str = ""

    def refusal(self, parameter: str) -> InvalidValue:
        """The error for tasks that cannot change, which `parameter` chose."""
        if parameter == "status":
            able: list[str] = sorted(statuses_of(self.states))
        else:
            able = [state for state in ShownState if state in self.states]
        must = "must be" if len(able) == 1 else "must be one of"
        return InvalidValue(parameter, f"{must} {', '.join(able)}: {self.reason}")


DELETE = _Kind(permission=Permission.DELETE, action="task.delete_many", change=bulk.delete_tasks)
REQUEUE = _Kind(
    permission=Permission.REQUEUE,
    action="task.requeue_many",
    change=bulk.requeue_tasks,
    states=frozenset({ShownState.FAILED}),
    reason="only failed tasks can be requeued",
)
CANCEL = _Kind(
    permission=Permission.CANCEL,
    action="task.cancel_many",
    change=bulk.cancel_tasks,
    states=states_of(Status.PENDING),
    reason="running tasks are cancelled one by one",
)
RUN = _Kind(
    permission=Permission.REQUEUE,
    action="task.run_many",
    change=bulk.run_tasks,
    states=DELAYED,
    reason="only delayed tasks can be started early",
)


async def delete_tasks(state: State, request: Request) -> Response:
    done = await _change_many(state, request, DELETE)
    return Json(Deleted(done.changed, done.running, done.matching, done.is_dry_run))


async def requeue_tasks(state: State, request: Request) -> Response:
    done = await _change_many(state, request, REQUEUE)
    skipped = 0 if done.is_dry_run else done.running
    return Json(Requeued(done.changed, done.matching, done.is_dry_run, skipped))


async def cancel_tasks(state: State, request: Request) -> Response:
    done = await _change_many(state, request, CANCEL)
    return Json(Cancelled(done.changed, done.matching, done.is_dry_run))


async def run_tasks(state: State, request: Request) -> Response:
    done = await _change_many(state, request, RUN)
    return Json(Released(done.changed, done.matching, done.is_dry_run))


class _Done(msgspec.Struct, frozen=True):
    """How many tasks were changed, or in a dry run how many match, and how many were left alone because they run, or
    because of their unique keys."""

    changed: int
    running: int
    matching: int | None = None
    is_dry_run: bool = False


async def _change_many(state: State, request: Request, kind: _Kind) -> _Done:
    query = query_of(request)
    queues = queues_of(query)
    for queue in queues:
        require(request, kind.permission, queue)
    actor = actor_of(request)
    asked = read_filter(query)
    chosen = in_states(asked, kind.states)
    if asked.statuses and not chosen.statuses:
        raise kind.refusal("state" if "state" in query else "status")
    state.payloads.for_(actor).check_search(query, queues)
    await check_queues(state, request, [queue for queue in queues if queue is not None])
    if chosen.named_arguments is not None:
        chosen = await state.database.scan(with_positions, chosen)
    is_dry_run = flag("dry_run", query.get("dry_run"))
    await read_no_fields(request.scope, request.receive, state.settings.max_payload_size, state.admission)
    if is_dry_run and chosen == TaskFilter(queue=chosen.queue, status=chosen.status):
        counted = await state.database.scan(count_statuses, chosen)
        if chosen.status is not None:
            counted = {chosen.status: counted[chosen.status]}
        running = counted.pop(Status.RUNNING, 0)
        return _Done(0, running, sum(counted.values()), is_dry_run=True)
    if is_dry_run:
        found = await walk(state, request, chosen, _count)
        return _Done(0, found.running, found.done, is_dry_run=True)
    entry = _entry(request, kind.action, query)
    found = await walk(state, request, chosen, _noting(kind.change, entry))
    return _Done(found.done, found.running)


def _entry(request: Request, action: str, query: dict[str, str]) -> Entry:
    filters = {name: value for name, value in query.items() if name not in {"dry_run", "must_exist"}}
    return audit_entry(request, action, query.get("queue"), {"filters": filters})


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
    description="Only count the tasks that would change.",
    schema={"type": "boolean", "default": False},
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
        parameters=(*FILTERS, STATUS, _DRY_RUN, QUEUE_MUST_EXIST),
        answers={200: Answer(description="How many were deleted.", body=Deleted)},
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
        parameters=(*FILTERS, _only(Status.FAILED), _DRY_RUN),
        answers={200: Answer(description="How many were requeued.", body=Requeued)},
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
        parameters=(*FILTERS, _only(Status.PENDING), _DRY_RUN),
        answers={200: Answer(description="How many were cancelled.", body=Cancelled)},
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
        parameters=(*FILTERS, _only(Status.PENDING), _DRY_RUN),
        answers={200: Answer(description="How many can start now.", body=Released)},
    ),
)

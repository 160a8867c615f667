"""One task: what holds it up or went wrong, its history, one attempt in detail, its arguments, and actions."""

import shlex
from datetime import datetime
from typing import Any

import msgspec
import psycopg

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.task_page.difference import MAX_CHANGES, Difference
from lapinq_api.dashboard.parts.task_page.failure import failure_of
from lapinq_api.dashboard.parts.task_page.gantt import MAX_LANES, gantt_of
from lapinq_api.dashboard.parts.task_page.options import ALL, unusual
from lapinq_api.dashboard.parts.task_page.payload import TaskPayload
from lapinq_api.dashboard.parts.task_page.steps import steps_figure
from lapinq_api.dashboard.parts.task_page.timeline import steps_of
from lapinq_api.dashboard.parts.task_page.traceback import stacks_of
from lapinq_api.operations.bodies.objects import WebhookObject
from lapinq_api.operations.task_path import read_id, unknown_attempt, unknown_task
from lapinq_api.state import State
from lapinq_api.wire.query import moment
from lapinq_core.db.snapshot import snapshot
from lapinq_core.domain.hosts.exposure import OpenTo
from lapinq_core.domain.ids import is_of_workflow
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.tasks.state import Status
from lapinq_core.error_groups import groups
from lapinq_core.error_groups.groups import ErrorGroup
from lapinq_core.figures import task_rollups
from lapinq_core.figures.task_rollups import Usual
from lapinq_core.fleet import operators
from lapinq_core.fleet.operators import Function
from lapinq_core.lookup import task_detail
from lapinq_core.lookup.good_run import find_good_run
from lapinq_core.lookup.steps import Outline, outline
from lapinq_core.lookup.task_detail import AttemptDetail, Attempts, Reruns, TaskDetail, reruns_of
from lapinq_core.lookup.why.why_not_running import Reason, find_reason
from lapinq_core.schedules import schedules
from lapinq_core.webhooks import deliveries
from lapinq_core.webhooks.deliveries import WebhookFilter
from lapinq_core.workflows.reading import Place, place_of

MAX_WEBHOOKS = 20
ALL_ATTEMPTS = "all"


class _Read(msgspec.Struct, frozen=True, kw_only=True):
    task: TaskDetail
    attempts: Attempts
    webhooks: list[str]
    reason: Reason | None
    schedule_name: str | None
    reruns: Reruns
    group: ErrorGroup | None
    usual: Usual | None
    workers_limits: list[float]
    function: Function
    place: Place | None
    outline: Outline


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    task_id = read_id("id", address.params["id"], "a task id")
    wanted = moment("attempt", address.query.get("attempt"))
    read = await state.database.scan(_read, task_id, wanted, readable)
    if read is None:
        raise unknown_task()
    task, attempts, chosen = read.task, read.attempts, read.attempts.chosen
    failure = failure_of(task, attempts.latest)
    good = await state.database.scan(find_good_run, task) if failure else None
    if wanted is not None and chosen is None:
        raise unknown_attempt()
    if task.status is Status.RUNNING:
        state.watched.wake([task_id])
    return {
        "task": task,
        "chosen": chosen,
        "stacks": stacks_of(chosen.traceback) if chosen and chosen.traceback else [],
        "shows_result": chosen is not None and chosen.finished_at == task.completed_at is not None,
        "failure": failure,
        "difference": Difference(task, good, read.function.positional) if good else None,
        "max_changes": MAX_CHANGES,
        "group": read.group,
        "usual": read.usual,
        "workers_limits": read.workers_limits,
        "place": read.place,
        "figure": steps_figure(read.outline, task.queue_name),
        "gantt": gantt_of(steps_of(task, attempts.latest, is_cut=attempts.is_cut), is_cut=attempts.is_cut),
        "is_cut": attempts.is_cut,
        "max_lanes": MAX_LANES,
        "shows_all": address.query.get("attempts") == ALL_ATTEMPTS,
        "webhooks": [msgspec.json.decode(text, type=WebhookObject) for text in read.webhooks],
        "schedule_name": read.schedule_name,
        "reruns": read.reruns,
        "reason": read.reason,
        "reason_kind": read.reason.__struct_config__.tag if read.reason is not None else None,
        "queue_option": shlex.quote(task.queue_name),
        "payload": TaskPayload(
            task, read.function.positional, needs_key=state.settings.open_to is OpenTo.NOBODY
        ),
        "retry_delays": read.function.retry_delays,
        "options": ALL,
        "unusual": unusual(task),
    }


async def _read(
    conn: psycopg.AsyncConnection, task_id: str, wanted: datetime | None, readable: Readable
) -> _Read | None:
    """Everything on the page, as of one moment; None for a task that does not exist, or not for the viewer."""
    async with snapshot(conn):
        task = await task_detail.get(conn, task_id)
        if task is None or not includes(readable, task.queue_name):
            return None
        named = _schedule_of(task)
        schedule = None if named is None else await schedules.get_schedule(conn, named)
        if schedule is None or not includes(readable, schedule.queue_name):
            named = None  # deleted, or it never existed: anyone may write a name into the metadata
        attempts = await task_detail.get_attempts(conn, task_id, wanted)
        told: list[str] = []
        if task.webhook_url is not None:
            told, _ = await deliveries.list_webhooks(conn, WebhookFilter(task_id=task_id), MAX_WEBHOOKS)
        reruns = await reruns_of(conn, task_id)
        group = await _group(conn, task, attempts.latest[0]) if attempts.latest else None
        ran = [(task.queue_name, task.task_name)] if attempts.latest else []
        usual = next(iter((await task_rollups.usual(conn, ran)).values()), None)
        # Its neighbours may be in other queues.
        reason = await find_reason(conn, task_id, names_parents=readable is None)
        place = await place_of(conn, task_id) if readable is None and is_of_workflow(task_id) else None
        outlined = await outline(conn, task_id, readable)
        limits = await operators.time_limits(conn, task.queue_name) if task.timeout_seconds is None else []
        function = await operators.find_function(conn, task.task_name, task.module_path, task.queue_name)
    return _Read(
        task=task,
        attempts=attempts,
        webhooks=told,
        reason=reason,
        schedule_name=named,
        reruns=reruns,
        group=group,
        usual=usual,
        workers_limits=limits,
        function=function,
        place=place,
        outline=outlined,
    )


async def _group(
    conn: psycopg.AsyncConnection, task: TaskDetail, attempt: AttemptDetail
) -> ErrorGroup | None:
    """The group of the error with which an attempt ended."""
    if not attempt.error:
        return None
    return await groups.of_error(conn, task.queue_name, task.task_name, attempt.error, attempt.traceback)


def _schedule_of(task: TaskDetail) -> str | None:
    """The schedule named in the task's metadata."""
    if task.metadata is None or not task.metadata.is_whole or '"schedule"' not in task.metadata.text:
        return None
    try:
        return msgspec.json.decode(task.metadata.text, type=_Metadata).schedule
    except msgspec.DecodeError:
        return None


class _Metadata(msgspec.Struct):
    schedule: str | None = None


VIEW = View(
    path="/tasks/{id}",
    template="task.html",
    here="tasks",
    load=load,
    is_narrowed=True,
    parts=(
        "task-head",
        "task-verdict",
        "task-timeline",
        "task-steps",
        "task-attempt",
        "task-payload",
        "task-webhooks",
        "task-facts",
    ),
    parameters=frozenset({"attempt", "attempts"}),
)

"""One task: its options, why it isn't running, its attempts, and the actions on it."""

import shlex
from typing import Any

import msgspec
import psycopg

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.payload import TaskPayload
from lapinq_api.dashboard.parts.timeline import StepKind, bar_of, steps_of
from lapinq_api.dashboard.parts.traceback import stacks_of
from lapinq_api.operations.bodies.objects import WebhookObject
from lapinq_api.operations.task_path import read_id, unknown_task
from lapinq_api.state import State
from lapinq_core.lookup import task_detail
from lapinq_core.lookup.reruns import Reruns, reruns_of
from lapinq_core.lookup.snapshot import snapshot
from lapinq_core.lookup.task_detail import AttemptDetail, TaskDetail
from lapinq_core.lookup.why_not_running import Reason, find_reason
from lapinq_core.schedules import schedules
from lapinq_core.webhooks import deliveries
from lapinq_core.webhooks.deliveries import WebhookFilter

MAX_WEBHOOKS = 20


async def load(state: State, address: PageAddress) -> dict[str, Any]:
    task_id = read_id("id", address.params["id"], "a task id")
    found = await state.database.scan(_read, task_id)
    if found is None:
        raise unknown_task()
    task, attempts, is_cut, told, reason, schedule_name, reruns = found
    if any(one.outcome == "running" for one in attempts):
        state.watched.wake([task_id])
    steps = steps_of(task, attempts, is_cut=is_cut)
    return {
        "task": task,
        "steps": steps,
        "kinds": StepKind,
        "bar": bar_of(steps),
        "is_cut": is_cut,
        "tracebacks": {one: stacks_of(one.traceback) for one in attempts if one.traceback},
        "webhooks": told,
        "schedule_name": schedule_name,
        "reruns": reruns,
        "reason": reason,
        "reason_kind": reason.__struct_config__.tag if reason is not None else None,
        "queue_option": shlex.quote(task.queue_name),
        "payload": TaskPayload(task, needs_key=_needs_key(state)),
    }


async def _read(
    conn: psycopg.AsyncConnection, task_id: str
) -> (
    tuple[TaskDetail, list[AttemptDetail], bool, list[WebhookObject], Reason | None, str | None, Reruns]
    | None
):
    """Everything on the page, as of one moment."""
    async with snapshot(conn):
        task = await task_detail.get(conn, task_id)
        if task is None:
            return None
        named = _schedule_of(task)
        if named is not None and await schedules.get_schedule(conn, named) is None:
            named = None  # deleted, or it never existed: anyone may write a name into the metadata
        attempts, is_cut = await task_detail.get_attempts(conn, task_id)
        told: list[str] = []
        if task.webhook_url is not None:
            told, _ = await deliveries.list_webhooks(conn, WebhookFilter(task_id=task_id), MAX_WEBHOOKS)
        reruns = await reruns_of(conn, task_id)
        reason = await find_reason(conn, task_id)
    decoded = [msgspec.json.decode(text, type=WebhookObject) for text in told]
    return task, attempts, is_cut, decoded, reason, named, reruns


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


def _needs_key(state: State) -> bool:
    return not state.settings.is_open


VIEW = View(
    path="/tasks/{id}",
    template="task.html",
    here="tasks",
    load=load,
    parts=("task-head", "task-timeline", "task-payload", "task-webhooks", "task-facts"),
)

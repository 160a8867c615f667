"""The profile of an attempt: where its time went, as a flame graph and as a table."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

import psycopg

from lapinq_api.dashboard.page import words
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.flame import ROOT, flame_of, functions_of
from lapinq_api.operations.task_path import read_id, unknown_task
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import moment, whole_number
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.tasks.diagnostics.profile import WAITING, Profile, ProfileError
from lapinq_core.lookup import profiles
from lapinq_core.tasks import inspect
from lapinq_core.tasks.inspect import TaskNames

MAX_CALL = 2**31 - 1


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    task_id = read_id("id", address.params["id"], "a task id")
    query = address.query
    started_at = moment("attempt", query.get("attempt"))
    call = whole_number("call", query.get("call"), ROOT, lowest=ROOT, highest=MAX_CALL)
    try:
        names, found = await state.database.scan(_read, task_id, started_at)
    except ProfileError as error:
        raise Refused(HTTPStatus.NOT_FOUND, str(error)) from error
    if names is None or not includes(readable, names.queue_name):
        raise unknown_task()
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "there is no profile of this task")
    attempt, profile = found
    return {
        "task_id": task_id,
        "names": names,
        "attempt": attempt,
        "chosen": "" if started_at is None else f"attempt={words.address(started_at)}",
        "profile": profile,
        "waits": WAITING in profile.frames,
        "call": call,
        "flame": flame_of(profile, call),
        "functions": functions_of(profile),
        "per_sample": profile.seconds / profile.samples if profile.samples else 0.0,
    }


async def _read(
    conn: psycopg.AsyncConnection, task_id: str, started_at: datetime | None
) -> tuple[TaskNames | None, tuple[int, Profile] | None]:
    names = await inspect.get_names(conn, task_id)
    return names, await profiles.get_profile(conn, task_id, started_at=started_at) if names else None


VIEW = View(
    path="/tasks/{id}/profile",
    template="profile.html",
    here="tasks",
    load=load,
    is_narrowed=True,
    parameters=frozenset({"attempt", "call"}),
)

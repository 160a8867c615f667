"""The schedule named in a path, and changing it under the permissions on its queue."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, require
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import ActorKind, Permission
from lapinq_core.domain.requests.schedule_name import SCHEDULE_NAME_SCHEMA
from lapinq_core.domain.schedules.schedule import check_schedule_name
from lapinq_core.schedules import schedules
from lapinq_core.schedules.schedules import Schedule, UnknownSchedule

T = TypeVar("T")

NAME = Parameter(
    name="name",
    where="path",
    description="The name of a schedule.",
    schema={**SCHEDULE_NAME_SCHEMA, "examples": ["nightly-report"]},
)


def schedule_name(request: Request) -> str:
    """The name in the path. Raises `InvalidValue`."""
    name: str = request.path_params["name"]
    check_schedule_name(name)
    return name


def links_to_schedule(expression: str) -> dict[str, dict[str, str]]:
    """Links to every operation on one schedule, with its name taken from `expression`."""
    return {name: {"name": expression} for name in _ABOUT_ONE}


def refuse_early(request: Request, permission: Permission) -> None:
    """Raises `Refused` (401, 403) for callers without the permission on any queue, before anything is read.

    Only a user's permission depends on the queue.
    """
    actor = actor_of(request)
    if actor.kind is not ActorKind.USER or actor.is_admin:
        require(request, permission, None)


async def act(
    state: State,
    request: Request,
    permission: Permission,
    name: str,
    verb: Callable[[psycopg.AsyncConnection, Schedule], Awaitable[T]],
) -> T:
    """Calls `verb` with the schedule, which stays locked until the change is committed.

    So nobody changes a schedule that moves to another queue at the same moment. Raises `UnknownSchedule`, and
    `Refused` without the permission on its queue.
    """

    async def checked(conn: psycopg.AsyncConnection) -> T:
        async with conn.transaction():
            await schedules.lock(conn, name)
            found = await schedules.get_schedule(conn, name)
            if found is None:
                raise UnknownSchedule
            require(request, permission, found.queue_name)
            return await verb(conn, found)

    return await state.database.run(checked)


_ABOUT_ONE = (
    "get_schedule",
    "change_schedule",
    "delete_schedule",
    "pause_schedule",
    "resume_schedule",
    "run_schedule",
    "list_ticks",
)

"""The schedule that a path names, and acting on it by what one may do on its queue."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, require
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.state import State
from lapinq_api.wire.values import SCHEDULE_NAME_SCHEMA
from lapinq_core.domain.accounts.account import ActorKind, Permission
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
    """To everything that is about one schedule, with its name where `expression` says."""
    return {name: {"name": expression} for name in _ABOUT_ONE}


def refuse_early(request: Request, permission: Permission) -> None:
    """Raises `Refused` (401, 403) for those who may not act so on any queue, before anything is read or looked up.

    Only for a user does it depend on the queue.
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
    """What `verb` answers, called with the schedule, which stays as it is until the change is committed.

    So nobody acts on a schedule that is moved to another queue meanwhile. Raises `UnknownSchedule`, and `Refused` for
    who may not act so on its queue.
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

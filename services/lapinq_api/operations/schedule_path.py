"""The schedule named in a path, and changing it under the permissions on its queue."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from starlette.requests import Request

from lapinq_api.credentials.caller import require, require_sight
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission, Scopes
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


async def act(
    state: State,
    request: Request,
    permission: Permission,
    scopes: Scopes,
    name: str,
    verb: Callable[[psycopg.AsyncConnection, Schedule], Awaitable[T]],
) -> T:
    """Calls `verb` with the schedule, which stays locked until the change is committed.

    So nobody changes a schedule that moves to another queue at the same moment. Raises `UnknownSchedule`, and
    `Refused` without the permission on its queue; a key needs one of `scopes`.
    """

    async def checked(conn: psycopg.AsyncConnection) -> T:
        async with conn.transaction():
            await schedules.lock(conn, name)
            found = await schedules.get_schedule(conn, name)
            if found is None:
                raise UnknownSchedule
            require_sight(request, found.queue_name, UnknownSchedule())
            require(request, permission, found.queue_name, scopes)
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

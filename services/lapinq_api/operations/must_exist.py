"""The parameter `must_exist`: refuses names that nobody has seen, which are probably misspelt."""

from collections.abc import Collection
from http import HTTPStatus

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of
from lapinq_api.operations.endpoint import Parameter, query_of
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_api.wire.query import flag
from lapinq_core.domain.nearest import did_you_mean
from lapinq_core.lookup import known

_NAME = "must_exist"

QUEUE_MUST_EXIST = Parameter(
    name=_NAME,
    description="Refuse (404) a queue that has no tasks and that no worker, schedule or setting names.",
    schema={"type": "boolean", "default": False},
)
TASK_MUST_EXIST = Parameter(
    name=_NAME,
    description="Refuse (404) a task name that no ended task, worker, schedule or setting has.",
    schema={"type": "boolean", "default": False},
)


async def check_queues(state: State, request: Request, names: Collection[str]) -> None:
    """Raises `Refused` (404) if the request has `must_exist`, and one of these queues is unknown."""
    if not flag(_NAME, query_of(request).get(_NAME)):
        return
    found = await state.database.scan(known.known_queues, list(names))
    for name in names:
        if name not in found:
            readable = filter(actor_of(request).may_read, await state.database.scan(known.known_queues))
            raise Refused(
                HTTPStatus.NOT_FOUND,
                f"nobody has seen a queue {name!r}{did_you_mean(name, readable)}: it has no tasks, and no worker,"
                " schedule or setting names it",
            )


async def check_task_name(state: State, request: Request, name: str) -> None:
    """Raises `Refused` (404) if the request has `must_exist`, and no task is known by this name."""
    if not flag(_NAME, query_of(request).get(_NAME)):
        return
    if name not in await state.database.scan(known.known_task_names, [name]):
        readable = (
            await state.database.scan(known.known_task_names) if actor_of(request).may_read(None) else []
        )
        raise Refused(
            HTTPStatus.NOT_FOUND,
            f"nobody has seen a task {name!r}{did_you_mean(name, readable)}: none has run, and no worker, schedule or"
            " setting names it",
        )

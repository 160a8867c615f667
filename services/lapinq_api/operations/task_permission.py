"""Checks whether the caller may act on the task named in a path, which depends on its queue."""

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, require
from lapinq_api.operations.task_path import unknown_task
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import ActorKind, Permission
from lapinq_core.tasks import inspect


async def require_for_task(state: State, request: Request, permission: Permission, task_id: str) -> None:
    """Returns if the sender of `request` may act on the task.

    The queue is looked up for users only. Raises `Refused` (401, 403, 404).
    """
    if actor_of(request).kind is not ActorKind.USER or actor_of(request).is_admin:
        require(request, permission, None)
        return
    names = await state.database.run(inspect.get_names, task_id)
    if names is None:
        raise unknown_task()
    require(request, permission, names.queue_name)

"""Whether somebody may act on the task that a path names, which goes by its queue."""

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, require
from lapinq_api.operations.task_path import unknown_task
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import ActorKind, Permission
from lapinq_core.tasks import inspect


async def require_for_task(state: State, request: Request, permission: Permission, task_id: str) -> None:
    """Returns when the sender of `request` may act so on the task.

    Only for a user does that depend on the queue, which is looked up then. Raises `Refused` (401, 403, 404).
    """
    if actor_of(request).kind is not ActorKind.USER or actor_of(request).is_admin:
        require(request, permission, None)
        return
    names = await state.database.run(inspect.get_names, task_id)
    if names is None:
        raise unknown_task()
    require(request, permission, names.queue_name)

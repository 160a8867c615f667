"""Checks whether the caller may act on the task named in a path, which depends on its queue."""

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, refuse_early, require, require_read, require_sight
from lapinq_api.operations.task_path import unknown_task
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.tasks import inspect


async def require_for_task(state: State, request: Request, permission: Permission, task_id: str) -> None:
    """Returns if the sender of `request` may act on the task.

    The queue is looked up only if it matters. Raises `Refused` (401, 403, 404).
    """
    refuse_early(request, permission)
    if actor_of(request).depends_on_queue:
        require(request, permission, await _queue_of(state, request, task_id))


async def require_read_of_task(state: State, request: Request, task_id: str) -> None:
    """Returns if the sender of `request` may read the task. Raises `Refused` (401, 403, 404)."""
    if actor_of(request).queues is not None:
        require_read(request, await _queue_of(state, request, task_id))


async def _queue_of(state: State, request: Request, task_id: str) -> str:
    names = await state.database.run(inspect.get_names, task_id)
    if names is None:
        raise unknown_task()
    require_sight(request, names.queue_name, unknown_task())
    return names.queue_name

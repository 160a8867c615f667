"""The workflow named in a path, and whether the caller may act on it, which depends on the queues of its tasks."""

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, refuse_early, require, require_sight
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.refusals import read_id
from lapinq_core.workflows import reading
from lapinq_core.workflows.storing import UnknownWorkflow

WORKFLOW_ID = Parameter(
    name="id", where="path", description="The workflow's id.", schema={"type": "string", "format": "uuid"}
)
ALL_ITS_QUEUES = "on the queues of all its tasks"


def workflow_id(request: Request) -> str:
    """The id in the path, in lower case. Raises `InvalidValue`."""
    return read_id("id", request.path_params["id"], "a workflow id")


def links_to_workflow(expression: str) -> dict[str, dict[str, str]]:
    """Links to every operation on one workflow, with its id taken from `expression`."""
    return {name: {"id": expression} for name in _ABOUT_ONE}


async def require_for_workflow(
    state: State, request: Request, permission: Permission, workflow_id: str
) -> None:
    """Returns if the sender of `request` has the permission on the queues of all tasks of the workflow.

    They are looked up only if it matters. Raises `Refused` (401, 403), and `UnknownWorkflow`, also if the sender is
    limited to other queues.
    """
    refuse_early(request, permission)
    if actor_of(request).depends_on_queue:
        queues = await state.database.run(reading.queues_of_workflow, workflow_id)
        if queues is None:
            raise UnknownWorkflow
        for queue in queues:
            require_sight(request, queue, UnknownWorkflow())
        require_for_queues(request, permission, queues)


def require_for_queues(request: Request, permission: Permission, queues: list[str]) -> None:
    """Raises `Refused` (401, 403) unless the sender has the permission on all of `queues`.

    Without any: on all queues, or on those that they are limited to.
    """
    for queue in queues or [actor_of(request).any_queue]:
        require(request, permission, queue)


_ABOUT_ONE = ("get_workflow", "add_tasks", "close_workflow", "cancel_workflow", "retry_workflow")

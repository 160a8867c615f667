"""The workflow named in a path, and whether the caller may act on it, which depends on the queues of its tasks."""

from collections.abc import Sequence

from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of, refuse_early, require, require_sight
from lapinq_api.credentials.payloads import Payloads
from lapinq_api.operations.endpoint import Parameter
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.requests.refusals import read_id
from lapinq_core.domain.requests.workflows import Member, place_naming
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
        WorkflowRights(request, permission, state.payloads).check_queues(queues)


class WorkflowRights:
    """What the sender of `request` may do to a workflow, for the core to ask once it has locked it: while the body was
    on its way, others may have added tasks."""

    def __init__(self, request: Request, permission: Permission, payloads: Payloads) -> None:
        self._request = request
        self._permission = permission
        self._view = payloads.for_(actor_of(request))

    def check_queues(self, queues: Sequence[str]) -> None:
        """Raises `UnknownWorkflow` if one is beyond what they are limited to, and `Refused` (401, 403)."""
        for queue in queues:
            require_sight(self._request, queue, UnknownWorkflow())
        require_for_queues(self._request, self._permission, queues)

    def check_parent(self, member: Member, ref: str, queue: str) -> None:
        """Raises `Refused` (403) unless they see the results of `queue`, whatever the parent's is: a retry may bring
        another."""
        if not self._view.shows(queue):
            raise self._hidden(member, ref)

    def check_graph(self, members: Sequence[Member]) -> None:
        """Raises `Refused` (403) if the result of one of `members` would go to another, in a queue where they see what
        they don't see in its own.

        Who sees neither may store their own graph: that shows them no more than a task and its webhook do.
        """
        queues = {member.ref: member.task.queue_name for member in members}
        for member in members:
            for ref in sorted(member.named & queues.keys()):
                if self._view.shows(member.task.queue_name) and not self._view.shows(queues[ref]):
                    raise self._hidden(member, ref)

    def _hidden(self, member: Member, ref: str) -> Refused:
        return self._view.hidden_result(f"{ref} ({place_naming(ref, member)})")


def rights_to_workflow(state: State, request: Request, permission: Permission) -> WorkflowRights | None:
    """None if they do not depend on queues, and nothing is hidden from the sender."""
    actor = actor_of(request)
    is_whole = state.payloads.for_(actor).shows(None) and not actor.depends_on_queue
    return None if is_whole else WorkflowRights(request, permission, state.payloads)


def require_for_queues(request: Request, permission: Permission, queues: Sequence[str]) -> None:
    """Raises `Refused` (401, 403) unless the sender has the permission on all of `queues`.

    Without any: on all queues, or on those that they are limited to.
    """
    for queue in queues or [actor_of(request).any_queue]:
        require(request, permission, queue)


_ABOUT_ONE = ("get_workflow", "add_tasks", "close_workflow", "cancel_workflow", "retry_workflow")

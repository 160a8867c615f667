"""The task named in a path."""

from http import HTTPStatus

from starlette.requests import Request

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.requests.refusals import UNKNOWN_TASK, read_id

TASK_ID = Parameter(
    name="id", where="path", description="The task's id.", schema={"type": "string", "format": "uuid"}
)


def links_to_task(expression: str) -> dict[str, dict[str, str]]:
    """Links to every operation on one task, with its id taken from `expression`."""
    return {name: {"id": expression} for name in _ABOUT_ONE}


def task_id(request: Request) -> str:
    """The id in the path, in lower case. Raises `InvalidValue`."""
    return read_id("id", request.path_params["id"], "a task id")


def unknown_task() -> Refused:
    """The error for an unknown task."""
    return Refused(HTTPStatus.NOT_FOUND, UNKNOWN_TASK)


def unknown_attempt() -> Refused:
    """The error for an attempt that the task doesn't have."""
    return Refused(HTTPStatus.NOT_FOUND, "there is no attempt of this task that started then")


_ABOUT_ONE = (
    "get_task",
    "get_result",
    "explain_task",
    "get_attempts",
    "cancel_task",
    "set_progress",
    "requeue_task",
    "run_task",
    "rerun_task",
    "get_steps",
)

"""The task named in a path."""

import re
from http import HTTPStatus

from starlette.requests import Request

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.errors import InvalidValue

TASK_ID = Parameter(
    name="id", where="path", description="The task's id.", schema={"type": "string", "format": "uuid"}
)


def links_to_task(expression: str) -> dict[str, dict[str, str]]:
    """Links to every operation on one task, with its id taken from `expression`."""
    return {name: {"id": expression} for name in _ABOUT_ONE}


def task_id(request: Request) -> str:
    """The id in the path, in lower case. Raises `InvalidValue`."""
    return read_id("id", request.path_params["id"], "a task id")


def read_id(name: str, text: str, what: str) -> str:
    """`text` as an id, in lower case. Raises `InvalidValue`, which says that `name` must be `what`."""
    if not _ID.fullmatch(text):
        raise InvalidValue(name, f"must be {what} such as 01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11")
    return text.lower()


def unknown_task() -> Refused:
    """The error for an unknown task."""
    return Refused(HTTPStatus.NOT_FOUND, "there is no task with this id")


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ABOUT_ONE = (
    "get_task",
    "get_result",
    "get_attempts",
    "cancel_task",
    "set_progress",
    "requeue_task",
    "run_task",
)

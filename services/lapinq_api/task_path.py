"""The task that a path names."""

import re
from http import HTTPStatus

from starlette.requests import Request

from lapinq_api.endpoint import Parameter
from lapinq_api.errors import Refused
from lapinq_core.domain.errors import InvalidValue

TASK_ID = Parameter(
    name="id", where="path", description="The id of a task.", schema={"type": "string", "format": "uuid"}
)


def task_id(request: Request) -> str:
    """The id in the path, in lower case. Raises `InvalidValue`."""
    given: str = request.path_params["id"]
    if not _ID.fullmatch(given):
        raise InvalidValue("id", "must be a task id such as 01981c1e-5c3e-7a53-8c1f-0d9f6f1f7e11")
    return given.lower()


def unknown_task() -> Refused:
    """What is raised where there is none."""
    return Refused(HTTPStatus.NOT_FOUND, "there is no task with this id")


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

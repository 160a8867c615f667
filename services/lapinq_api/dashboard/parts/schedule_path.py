"""The schedule that the path of a page names."""

from collections.abc import Mapping
from http import HTTPStatus

from lapinq_api.wire.errors import Refused
from lapinq_core.domain.schedules.schedule import check_schedule_name


def read_name(params: Mapping[str, str]) -> str:
    """The name in the path. Raises `InvalidValue` for one that no schedule can have."""
    name = params["name"]
    check_schedule_name(name)
    return name


def unknown_schedule() -> Refused:
    """What is raised where there is none."""
    return Refused(HTTPStatus.NOT_FOUND, "there is no schedule of this name")

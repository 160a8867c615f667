"""The schedule in a page's path."""

from collections.abc import Mapping
from http import HTTPStatus

from lapinq_api.wire.errors import Refused
from lapinq_core.domain.schedules.schedule import check_schedule_name


def read_name(params: Mapping[str, str]) -> str:
    """The schedule's name in the path. Raises `InvalidValue` for an impossible name."""
    name = params["name"]
    check_schedule_name(name)
    return name


def unknown_schedule() -> Refused:
    """The error for an unknown schedule."""
    return Refused(HTTPStatus.NOT_FOUND, "there is no schedule of this name")

"""The named limits that a task takes from: the rules for their names and units. No I/O."""

import re
from collections.abc import Mapping

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.json_kinds import kind_of

MAX_LIMITS = 10
MAX_LIMIT_NAME = 100
MAX_UNITS = 10**12
LIMIT_NAME_PATTERN = r"^[A-Za-z0-9_.:-]+$"

MAX_LANE_BYTES = 2600
"""Of the names of a queue, a key and limits together: an index has them in one entry."""


def check_limit_name(loc: str, name: str) -> None:
    """Raises `InvalidValue`."""
    if not 1 <= len(name) <= MAX_LIMIT_NAME or not _NAME.fullmatch(name):
        raise InvalidValue(loc, f"must be a name of 1 to {MAX_LIMIT_NAME} ASCII letters, digits, _ . : or -")


def check_limits(limits: Mapping[str, object]) -> None:
    """The types as well. Raises `InvalidValue` naming the limit, such as `limits.openai`."""
    if len(limits) > MAX_LIMITS:
        raise InvalidValue("limits", f"must have at most {MAX_LIMITS} limits, not {len(limits)}")
    for name, units in limits.items():
        loc = f"limits.{name}"
        check_limit_name(loc, name)
        if type(units) is not int:
            raise InvalidValue(loc, f"must be an integer, not {kind_of(units)}")
        if not 1 <= units <= MAX_UNITS:
            raise InvalidValue(loc, f"must be between 1 and {MAX_UNITS}")


def check_lane(queue_name: str, key: str | None, limits: Mapping[str, object] | None) -> None:
    """Whether the names of all three fit into one entry of an index. Raises `InvalidValue`."""
    names = [queue_name, key or "", *(limits or ())]
    if sum(map(len, names)) * 4 > MAX_LANE_BYTES and (
        sum(len(name.encode()) + 1 for name in names) > MAX_LANE_BYTES
    ):
        raise InvalidValue(
            "limits" if limits else "key",
            f"must not be so long: its queue's name, its key and the names of its limits have more than"
            f" {MAX_LANE_BYTES} bytes together",
        )


_NAME = re.compile(LIMIT_NAME_PATTERN.strip("^$"))

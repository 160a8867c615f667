"""The type of a schedule's name in requests. Apart from the other values, which enqueueing loads without croniter."""

from typing import Annotated, Any

from msgspec import Meta

from lapinq_core.domain.schedules.schedule import RESERVED_NAMES
from lapinq_core.domain.tasks.task import MAX_NAME

SCHEDULE_NAME_SCHEMA: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_NAME,
    "pattern": r"^[^\p{C}\p{Z}/](?:(?:[^\p{C}\p{Z}/]| )*[^\p{C}\p{Z}/])?$",
    "not": {"enum": sorted(RESERVED_NAMES)},
}
"""The name of a schedule: printable characters without a slash, and without a space at either end."""

ScheduleName = Annotated[str, Meta(extra_json_schema=SCHEDULE_NAME_SCHEMA)]

"""Named limits: running and waiting tasks, the units left, and until when a task has closed it."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts import rule_fields
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.limit_rules import LIMIT_NAME_PATTERN, MAX_LIMIT_NAME
from lapinq_core.limits import named_limits


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del address, readable
    return {
        "limits": await state.database.scan(named_limits.list_limits),
        "fields_of": rule_fields.of_limit,
        "longest_name": MAX_LIMIT_NAME,
        "name_pattern": _NAME_PATTERN,
    }


_NAME_PATTERN = LIMIT_NAME_PATTERN.strip("^$").replace("-]", r"\-]")
"""Browsers read it with the flag v, which wants the hyphen escaped."""

VIEW = View(
    path="/limits",
    template="limits.html",
    here="limits",
    load=load,
    parts=("limits-list",),
    is_list=True,
)

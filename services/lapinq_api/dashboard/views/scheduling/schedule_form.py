"""The form for a new or an existing schedule. The API validates it."""

from functools import cache
from typing import Any
from zoneinfo import available_timezones

import msgspec

from lapinq_api.credentials.payloads import PayloadView
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.schedule_path import read_name, unknown_schedule
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.cron.local_time import read_timezone
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.schedules.schedule import MAX_JITTER, MAX_MISFIRE_LIMIT, Definition
from lapinq_core.domain.schedules.ticks import Misfire, Overlap
from lapinq_core.domain.tasks.key import MAX_KEY
from lapinq_core.domain.tasks.retry import MAX_RETRIES
from lapinq_core.domain.tasks.task import MAX_MODULE_PATH, MAX_NAME, MAX_URL
from lapinq_core.fleet import operators
from lapinq_core.schedules import schedules
from lapinq_core.schedules.schedules import Schedule
from lapinq_core.tasks import inspect

MAX_KNOWN = 1000
"""Functions that workers know, as suggestions."""


class FormValues:
    """The JSON values of a schedule as form text."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition

    def text(self, name: str, payloads: PayloadView) -> str | None:
        """One value's text; "" if it is empty, None if part of it is hidden from the audience."""
        value = getattr(self._definition, name)
        if not value:
            return ""
        if payloads.mask_object({name: value}, self._definition.queue_name)[name] is not value:
            return None
        return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()

    def is_cut(self, name: str) -> bool:
        """Whether the value is too large for the form: none of a schedule is."""
        del name
        return False


async def load_new(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    del address
    return await _values(state, None, readable)


async def load_edit(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    found = await state.database.scan(schedules.get_schedule, read_name(address.params))
    if found is None or not includes(readable, found.queue_name):
        raise unknown_schedule()
    return await _values(state, found, readable)


async def _values(state: State, schedule: Schedule | None, readable: Readable) -> dict[str, Any]:
    definition = schedule or _BLANK
    queues = await state.database.scan(inspect.count_queues, readable)
    known = await state.database.scan(operators.list_registered, readable)
    return {
        "schedule": schedule,
        "definition": definition,
        "typed": FormValues(definition),
        "queues": [queue.queue_name for queue in queues],
        "known": {(one.task_name, one.module_path): one for one in known[:MAX_KNOWN]},
        "timezones": timezones(),
        "misfires": list(Misfire),
        "overlaps": list(Overlap),
        "limits": _LIMITS,
        "may": Permission,
    }


@cache
def timezones() -> dict[str, list[str]]:
    """The names of all time zones that a schedule may have, by region. Those without one, such as UTC, come first."""
    found: dict[str, list[str]] = {"": []}
    for name in sorted(filter(_is_known, available_timezones())):
        found.setdefault(name.partition("/")[0] if "/" in name else "", []).append(name)
    return found


def _is_known(name: str) -> bool:
    try:
        read_timezone(name)
    except InvalidValue:
        return False
    return True


_BLANK = Definition(name="", task_name="", module_path="")
_LIMITS = {
    "name": MAX_NAME,
    "module": MAX_MODULE_PATH,
    "url": MAX_URL,
    "key": MAX_KEY,
    "jitter": MAX_JITTER,
    "misfire": MAX_MISFIRE_LIMIT,
    "retries": MAX_RETRIES,
    "seconds": MAX_SECONDS,
}

_TEMPLATE = "schedule-form.html"
NEW = View(path="/schedules/new", template=_TEMPLATE, here="schedules", load=load_new, is_narrowed=True)
EDIT = View(
    path="/schedules/{name}/edit", template=_TEMPLATE, here="schedules", load=load_edit, is_narrowed=True
)

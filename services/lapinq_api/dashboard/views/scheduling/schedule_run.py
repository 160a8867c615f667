"""The form that runs a schedule once with other arguments. The API validates it."""

from typing import Any

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.schedule_path import read_name, unknown_schedule
from lapinq_api.dashboard.parts.task_page.payload import value_of
from lapinq_api.dashboard.views.tasks.task_form import FormValues, FunctionForm, find_known
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.annotations.task_parameter import Given, Shape
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.fleet import operators
from lapinq_core.schedules import schedules


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    schedule = await state.database.scan(schedules.get_schedule, read_name(address.params))
    if schedule is None or not includes(readable, schedule.queue_name):
        raise unknown_schedule()
    known = await state.database.scan(operators.find_registered, schedule.task_name, readable)
    args, kwargs = value_of(schedule.args), value_of(schedule.kwargs)
    assert args is not None
    assert kwargs is not None
    return {
        "schedule": schedule,
        "name": schedule.task_name,
        "typed": FormValues(schedule.queue_name, {"args": args, "kwargs": kwargs}),
        "function": FunctionForm(find_known(known, schedule.task_name, schedule.module_path), (args, kwargs)),
        "may": Permission,
        "given": Given,
        "shapes": Shape,
    }


VIEW = View(
    path="/schedules/{name}/run", template="schedule-run.html", here="schedules", load=load, is_narrowed=True
)

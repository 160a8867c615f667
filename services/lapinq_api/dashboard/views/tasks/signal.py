"""The form with which a user sends a task a signal: that of a link, if the task asks by one, or any JSON."""

from collections.abc import Mapping
from typing import Any

import msgspec

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.operations.task_path import read_id, unknown_task
from lapinq_api.state import State
from lapinq_core.domain.queue_filter import Readable, includes
from lapinq_core.domain.tasks.durable.calls import check_name
from lapinq_core.domain.tasks.durable.form import Field, Problem, option, read_schema
from lapinq_core.durable import links, waits
from lapinq_core.durable.links import Open
from lapinq_core.durable.waits import WaitFilter
from lapinq_core.tasks import inspect
from lapinq_core.tasks.inspect import TaskNames

MOST_WAITS = 100
VALUE = "value"
"""The name of the field for JSON."""


class Signal(msgspec.Struct, frozen=True):
    """The signal `name` for a task, and what the task asks by a link with that name. `waited_for` are the names that it
    waits for now."""

    task_id: str
    task: TaskNames
    name: str | None
    asked: Open | None
    waited_for: list[str]

    @property
    def fields(self) -> tuple[Field, ...]:
        """Of the form; none for a confirmation."""
        schema = None if self.asked is None else self.asked.schema
        return () if schema is None else read_schema(msgspec.json.decode(schema))


async def find(state: State, address: PageAddress, readable: Readable) -> Signal:
    """Raises `InvalidValue`, `Refused` (404) and `DatabaseUnavailable`."""
    task_id = read_id("id", address.params["id"], "a task id")
    name = address.query.get("name")
    if name is not None:
        check_name("name", name)
    task = await state.database.run(inspect.get_names, task_id)
    if task is None or not includes(readable, task.queue_name):
        raise unknown_task()
    open_ones = await state.database.run(links.open_decisions, [task_id])
    found = await state.database.scan(waits.list_waits, WaitFilter(task_id=task_id), MOST_WAITS)
    names = dict.fromkeys(name for one in found for name in one.names)
    return Signal(
        task_id, task, name, next((one for one in open_ones if one.name == name), None), list(names)
    )


def shown(
    signal: Signal,
    *,
    given: Mapping[str, str] | None = None,
    problems: Mapping[str, Problem] | None = None,
    problem: str | None = None,
) -> dict[str, Any]:
    """The values of the page."""
    return {
        "signal": signal,
        "fields": signal.fields,
        "given": given,
        "problems": problems or {},
        "problem": problem,
        "option": option,
    }


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    return shown(await find(state, address, readable))


VIEW = View(
    path="/tasks/{id}/signal",
    template="signal.html",
    here="waits",
    load=load,
    is_narrowed=True,
    parameters=frozenset({"name"}),
)

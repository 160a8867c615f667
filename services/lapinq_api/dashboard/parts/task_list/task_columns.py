"""The columns of the list of tasks: which are shown, and which of them sort."""

from collections.abc import Mapping
from urllib.parse import urlencode

import msgspec

from lapinq_api.operations.filters.several import split
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.lookup.search.search import Search, TaskOrder, as_filter

ALWAYS = ("state", "task")
COLUMNS = (
    *ALWAYS,
    "arguments",
    "queue",
    "key",
    "attempts",
    "priority",
    "age",
    "started",
    "duration",
    "worker",
    "schedule",
    "error",
)
"""All columns, in the order in which they are shown."""
DEFAULT = (*ALWAYS, "arguments", "queue", "attempts", "age", "started", "duration", "error")


class Toggle(msgspec.Struct, frozen=True):
    """A column that can be shown or hidden, and the query string of the list with it changed."""

    name: str
    is_shown: bool
    query: str


class Heading(msgspec.Struct, frozen=True):
    """A column that sorts: the query string of the list sorted by it, and whether it is."""

    query: str
    is_current: bool
    direction: str


def read_columns(text: str | None) -> tuple[str, ...]:
    """The columns in the parameter `columns`. Raises `InvalidValue`."""
    if text is None:
        return DEFAULT
    chosen = split("columns", text)
    if not set(chosen) <= set(COLUMNS):
        raise InvalidValue("columns", f"must be some of {', '.join(COLUMNS)}, separated by commas")
    return tuple(name for name in COLUMNS if name in chosen or name in ALWAYS)


def toggles(parameters: Mapping[str, str], shown: tuple[str, ...]) -> list[Toggle]:
    """A toggle for each column but those that are always shown."""
    return [
        Toggle(name, name in shown, _toggled(parameters, shown, name))
        for name in COLUMNS
        if name not in ALWAYS
    ]


def headings(parameters: Mapping[str, str], chosen: Search) -> dict[str, Heading]:
    """The columns that sort this search without changing what it finds, by name.

    Only orders that an index or a small table answers: by age, what runs by its run time, what waits for its time by
    when it is due.
    """
    statuses = as_filter(chosen).statuses
    found = {"age": _heading(parameters, chosen, None, TaskOrder.NEWEST)}
    if statuses <= {Status.RUNNING}:
        found["duration"] = _heading(parameters, chosen, "longest", TaskOrder.LONGEST_RUNNING)
    if statuses <= {Status.PENDING}:
        found["started"] = _heading(parameters, chosen, "due", TaskOrder.DUE)
    return found


def _heading(parameters: Mapping[str, str], chosen: Search, sort: str | None, order: TaskOrder) -> Heading:
    rest = {name: text for name, text in parameters.items() if name != "sort"}
    # As in other lists: the newest first descends, what is due first ascends.
    direction = "ascending" if order is TaskOrder.DUE else "descending"
    return Heading(urlencode({**rest, **({"sort": sort} if sort else {})}), chosen.order is order, direction)


def _toggled(parameters: Mapping[str, str], shown: tuple[str, ...], name: str) -> str:
    left = tuple(one for one in COLUMNS if (one in shown) is not (one == name))
    rest = {key: text for key, text in parameters.items() if key != "columns"}
    return urlencode(rest if left == DEFAULT else {**rest, "columns": ",".join(left)})

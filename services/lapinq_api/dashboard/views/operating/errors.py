"""Errors in groups, or by their types: failed and retried attempts, and whether somebody resolved or muted them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from lapinq_api.credentials.caller import actor_of
from lapinq_api.dashboard.page.sorting import PARAMETER as SORT
from lapinq_api.dashboard.page.sorting import sorting
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts.error_tasks import filter_of
from lapinq_api.operations.filters.error_group import read_filter
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.error_groups import GroupState
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable, narrowed
from lapinq_core.error_groups.groups import ErrorGroup, ErrorType, GroupOrder
from lapinq_core.error_groups.listing import look, look_at_types
from lapinq_core.tasks import inspect
from lapinq_core.tasks.queues import MAX_REASON

_STATE = "state"
_BY = "by"
_TYPE = "type"
_FILTERS = ("queue", "task_name", _TYPE)
_ACTIVE = (GroupState.OPEN, GroupState.REGRESSED)
_SORTS = {order.value: True for order in GroupOrder if order is not GroupOrder.ID}


class Tab(msgspec.Struct, frozen=True):
    """A choice of states, by its main one."""

    state: GroupState
    count: int
    query: str
    is_shown: bool


class GroupRow(msgspec.Struct, frozen=True):
    """A group, its failures over a day, and the filter for its failed tasks."""

    group: ErrorGroup
    points: list[int]
    tasks: str


class TypeRow(msgspec.Struct, frozen=True):
    """A type of errors, and the query that lists its groups; None for errors without text."""

    type: ErrorType
    query: str | None


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    query = address.query
    chosen = narrowed(read_filter(query), readable)
    shown = GroupState(query.get(_STATE, GroupState.OPEN))
    order = sorting(query, _SORTS, "-last")
    if shown is GroupState.OPEN:
        chosen = msgspec.structs.replace(chosen, states=_ACTIVE)
    if query.get(_BY, _TYPE) != _TYPE:
        raise InvalidValue(_BY, f"must be {_TYPE}, or left out")
    scan = state.database.scan
    if _BY in query:
        found = await scan(look_at_types, chosen)
    else:
        found = await scan(look, chosen, GroupOrder(order.by), descending=order.is_descending)
    return {
        **_form(address),
        "problem": None,
        "order": order,
        "tabs": [_tab(each, found.counts, query, shown) for each in GroupState],
        "shown": shown,
        "lines": [_line(group, *found.trends[group.id]) for group in found.groups],
        "types": None if found.types is None else [_type(each, query) for each in found.types],
        "views": {"error": _changed(query, by=None), "type": _changed(query, by=_TYPE)},
        "left_out": found.matching - len(found.groups),
        "is_empty": not any(found.counts.values()),
    }


def on_invalid(address: PageAddress, error: InvalidValue | Refused) -> dict[str, Any]:
    """The form as submitted."""
    problem = f"{error.loc} {error.msg}" if isinstance(error, InvalidValue) else str(error)
    return {**_form(address), "problem": f"{problem}.", "queues": [], "tabs": [], "shown": None, "types": []}


def _form(address: PageAddress) -> dict[str, Any]:
    filters = {name: address.query[name] for name in _FILTERS if name in address.query}
    return {"filters": filters, "kept": address.query, "max_reason": MAX_REASON}


def _tab(
    each: GroupState, counts: Mapping[GroupState, int], query: Mapping[str, str], shown: GroupState
) -> Tab:
    others = {name: text for name, text in query.items() if name != _STATE}
    states = _ACTIVE if each is GroupState.OPEN else (each,)
    target = others if each is GroupState.OPEN else {_STATE: each.value, **others}
    return Tab(each, sum(counts[one] for one in states), urlencode(target), each is shown)


def _line(group: ErrorGroup, failed: list[int], retried: list[int]) -> GroupRow:
    points = [sum(each) for each in zip(failed, retried, strict=True)]
    return GroupRow(group, points, urlencode(filter_of(group)))


def _type(each: ErrorType, query: Mapping[str, str]) -> TypeRow:
    return TypeRow(each, _changed(query, by=None, type=each.type) if each.type else None)


def _changed(query: Mapping[str, str], **changes: str | None) -> str:
    return urlencode({name: text for name, text in {**query, **changes}.items() if text is not None})


async def load_queues(state: State, request: Request) -> dict[str, Any]:
    """The names that the form offers. They stand outside the parts: no look needs them."""
    queues = await state.database.scan(inspect.count_queues, actor_of(request).queues)
    return {"queues": [one.queue_name for one in queues]}


VIEW = View(
    path="/errors",
    template="errors.html",
    here="errors",
    load=load,
    is_narrowed=True,
    parts=("errors-tabs", "errors-list"),
    parameters=frozenset({_STATE, SORT, _BY, *_FILTERS}),
    is_list=True,
    on_invalid=on_invalid,
    personal=load_queues,
)

"""Converts the parameters of the task list into a search, and into filters of the bulk calls.

Texts are literal, without wildcards. A time may be relative, "15m", "1h" or "7d" ago, or in words: "today",
"yesterday 14:30". What has no offset is in the time zone of the parameter `zone`, by default UTC.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from lapinq_api.dashboard.parts.task_list.search_problem import Problem, SearchProblem
from lapinq_api.dashboard.parts.task_list.search_syntax import EXCLUDED, KEY_OF, NAMED, SEVERAL, WHOLE
from lapinq_api.dashboard.parts.task_list.task_columns import COLUMNS
from lapinq_api.operations.filters.several import MAX_VALUES, join, split
from lapinq_api.operations.filters.task import LISTS_OF_TEXTS, read_filter, read_lists, with_pattern
from lapinq_api.operations.filters.task_values import (
    MAX_TEXT,
    check_kind,
    ids_beginning_with,
    read_groups,
    read_states,
    read_worker_id,
)
from lapinq_core.domain.cron.local_time import first_instant, read_timezone, wall_clock
from lapinq_core.domain.day_words import wall_time
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.key import MAX_KEY, check_key
from lapinq_core.domain.tasks.shown_state import ShownState, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import MAX_NAME, check_name
from lapinq_core.lookup.search.search import Search, TaskOrder, as_filter
from lapinq_core.tasks.filters import in_states, literally

ORDERS = {"newest": TaskOrder.NEWEST, "longest": TaskOrder.LONGEST_RUNNING, "due": TaskOrder.DUE}
TEXTS = ("task_name", "arguments", "kwargs", "metadata", "result", "error")
STATES = ("status", "state", "not_status", "not_state")
TIMES = ("since", "until", "ended_since", "ended_until")
ZONE = "zone"
OF_THE_PAGE = ("sort", "cursor", "columns", ZONE)
"""Parameters that change how the list looks, not what it finds."""


def read_search(parameters: Mapping[str, str], now: datetime) -> Search:
    """The search for `parameters`, none of them empty. Raises `InvalidValue`.

    `worker` must be an id; the caller looks names up in the database.
    """
    for name, text in parameters.items():
        if len(text) > MAX_TEXT or "\0" in text:
            raise InvalidValue(name, f"must have at most {MAX_TEXT} characters and no NUL")
    for name in ("queue", "name"):
        if name in parameters:
            check_name(name, parameters[name])
    if "key" in parameters:
        check_key("key", parameters["key"])
    if kind := parameters.get("error_kind"):
        check_kind(kind)
    first, last = ids_beginning_with(parameters["id"]) if "id" in parameters else (None, None)
    texts: dict[str, Any] = {name: literally(parameters[name]) for name in TEXTS if name in parameters}
    lists = read_lists(parameters)
    lists |= {
        name: [literally(text) for text in split(name, parameters[name])]
        for name in LISTS_OF_TEXTS
        if name in parameters
    }
    zone = zone_of(parameters)
    times: dict[str, Any] = {name: moment_of(name, parameters.get(name), now, zone) for name in TIMES}
    chosen = Search(
        queue=parameters.get("queue"),
        name=parameters.get("name"),
        error_kind=kind,
        error_groups=read_groups("error_group", parameters),
        worker=read_worker_id(parameters["worker"]) if "worker" in parameters else None,
        key=parameters.get("key"),
        before=parameters.get("cursor"),
        first=first,
        last=last,
        order=_order(parameters.get("sort")),
    )
    chosen = in_states(msgspec.structs.replace(chosen, **texts, **lists, **times), _states(parameters))
    return with_pattern(chosen)


def bulk_query(parameters: Mapping[str, str], now: datetime) -> dict[str, str] | None:
    """The parameters of a bulk call for everything that a search for `parameters` finds, on all pages.

    None if no bulk call can express it: sorted by run time, or with texts too long for it.
    """
    if _order(parameters.get("sort")) is TaskOrder.LONGEST_RUNNING:
        return None
    query = {
        name: _escaped(name, text) for name, text in parameters.items() if name not in {*OF_THE_PAGE, *STATES}
    }
    chosen = as_filter(
        read_search({name: parameters[name] for name in ("sort", *STATES) if name in parameters}, now)
    )
    if chosen.states is not None:
        query["state"] = ",".join(state for state in ShownState if state in chosen.states)
    elif chosen.status is not None:
        query["status"] = chosen.status
    for name in TIMES:
        if at := moment_of(name, query.get(name), now, zone_of(parameters)):
            query[name] = at.isoformat()
    try:
        read_filter(query)
    except InvalidValue:
        return None
    return query


def zone_of(parameters: Mapping[str, str]) -> ZoneInfo:
    """The time zone of times without an offset. Raises `InvalidValue`."""
    return read_timezone(parameters.get(ZONE, "UTC"))


def moment_of(name: str, text: str | None, now: datetime, zone: ZoneInfo) -> datetime | None:
    """`text` as a time in UTC. Raises `InvalidValue`."""
    if text is None:
        return None
    try:
        if match := _AGO.fullmatch(text):
            return now - int(match[1]) * _UNITS[match[2].lower()]
        at = wall_time(text, wall_clock(now, zone).date()) or datetime.fromisoformat(text)
        return first_instant(at, zone) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, InvalidValue) as error:
        msg = "must be relative, such as 15m, 1h or 7d ago, or today, yesterday or a time such as 2030-01-31T12:00"
        raise InvalidValue(name, msg) from error


def is_in_zone(text: str) -> bool:
    """Whether it depends on the time zone what `text` means as a time."""
    try:
        return (
            wall_time(text, datetime.now(UTC).date()) is not None
            or datetime.fromisoformat(text).tzinfo is None
        )
    except (ValueError, InvalidValue):
        return False


def seconds_ago(text: str | None) -> int | None:
    """The seconds of a relative time; None if `text` isn't one."""
    match = _AGO.fullmatch(text or "")
    return int(match[1]) * int(_UNITS[match[2].lower()].total_seconds()) if match else None


def problem_of(error: Exception) -> Problem:
    """What is wrong with a search: by its syntax, by its parameter, or something that they may not search."""
    if isinstance(error, SearchProblem):
        return Problem(error.what, "" if error.loc == WHOLE else error.loc, error.most, error.words)
    if not isinstance(error, InvalidValue):
        return Problem("hidden")
    found = _MUST_BE.get(error.loc, Problem("text", most=MAX_TEXT))
    return msgspec.structs.replace(found, key=KEY_OF.get(error.loc, error.loc))


_A_NAME = Problem("name", most=MAX_NAME)
_MUST_BE = {
    **dict.fromkeys((*SEVERAL.values(), *EXCLUDED.values()), Problem("values", most=MAX_VALUES)),
    **dict.fromkeys(("queue", "name"), _A_NAME),
    "key": Problem("name", most=MAX_KEY),
    **dict.fromkeys(("status", "not_status"), Problem("one_of", words=", ".join(Status))),
    **dict.fromkeys(("state", "not_state"), Problem("one_of", words=", ".join(ShownState))),
    "sort": Problem("one_of", words=", ".join(ORDERS)),
    "columns": Problem("some_of", words=", ".join(COLUMNS)),
    **dict.fromkeys(TIMES, Problem("time")),
    "timezone": Problem("timezone"),
    NAMED: Problem("named", most=MAX_VALUES),
    "id": Problem("id"),
    "worker": Problem("worker"),
    "cursor": Problem("cursor"),
}
"""By the parameter that is wrong, what it must be."""


def check_text(name: str, text: str) -> None:
    """Raises `InvalidValue` if no filter can have this text."""
    if len(text) > MAX_TEXT or "\0" in text:
        raise InvalidValue(name, f"must have at most {MAX_TEXT} characters and no NUL")


def _states(parameters: Mapping[str, str]) -> frozenset[ShownState]:
    """The states that `STATES` of the parameters leave."""
    left = frozenset(ShownState)
    for name, read in (("status", _of_statuses), ("state", read_states)):
        if text := parameters.get(name):
            left &= read(name, text.lower())
        if text := parameters.get(f"not_{name}"):
            left -= read(f"not_{name}", text.lower())
    return left


def _of_statuses(name: str, text: str) -> frozenset[ShownState]:
    statuses = split(name, text)
    if not set(statuses) <= set(Status):
        raise InvalidValue(name, f"must be one of {', '.join(Status)}, or several, separated by commas")
    return frozenset[ShownState]().union(*(states_of(Status(status)) for status in statuses))


def _order(text: str | None) -> TaskOrder:
    if text is not None and text not in ORDERS:
        raise InvalidValue("sort", f"must be one of {', '.join(ORDERS)}")
    return ORDERS[text or "newest"]


def _escaped(name: str, text: str) -> str:
    """`text` for a filter of the API, in which % and _ are wildcards."""
    if name in TEXTS:
        return literally(text)[1:-1]
    return join(literally(one)[1:-1] for one in split(name, text)) if name in LISTS_OF_TEXTS else text


def unescaped(name: str, text: str) -> str:
    """What was searched for by a filter of the API, as the list of tasks takes it."""
    return _ESCAPE.sub(r"\1", text) if name in {*TEXTS, "args", *LISTS_OF_TEXTS} else text


_ESCAPE = re.compile(r"\\([\\%_])")
_AGO = re.compile(r"-?([0-9]{1,6})([smhdwSMHDW])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

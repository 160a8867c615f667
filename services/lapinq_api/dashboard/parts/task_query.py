"""Converts the parameters of the task list into a search, and into filters of the bulk calls.

Texts are literal, without wildcards. A time may be relative: "15m", "1h", "7d" ago.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from lapinq_api.operations.filters.task import read_filter, with_pattern
from lapinq_api.operations.filters.task_values import (
    MAX_TEXT,
    check_kind,
    ids_beginning_with,
    read_worker_id,
)
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.lookup.search import Search, TaskOrder
from lapinq_core.tasks.filters import literally

ORDERS = {"newest": TaskOrder.NEWEST, "longest": TaskOrder.LONGEST_RUNNING}
TEXTS = ("task_name", "args", "result", "error")


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
    if kind := parameters.get("error_kind"):
        check_kind(kind)
    first, last = ids_beginning_with(parameters["id"]) if "id" in parameters else (None, None)
    texts = {name: literally(parameters[name]) for name in TEXTS if name in parameters}
    chosen = Search(
        queue=parameters.get("queue"),
        status=_status(parameters.get("status")),
        name=parameters.get("name"),
        error_kind=kind,
        worker=read_worker_id(parameters["worker"]) if "worker" in parameters else None,
        before=parameters.get("cursor"),
        first=first,
        last=last,
        since=moment_of("since", parameters.get("since"), now),
        until=moment_of("until", parameters.get("until"), now),
        order=_order(parameters.get("sort")),
    )
    return with_pattern(msgspec.structs.replace(chosen, **texts))


def bulk_query(parameters: Mapping[str, str], now: datetime) -> dict[str, str] | None:
    """The parameters of a bulk call for everything that a search for `parameters` finds, on all pages.

    None if no bulk call can express it: sorted by run time, or with texts too long for it.
    """
    if _order(parameters.get("sort")) is not TaskOrder.NEWEST:
        return None
    query = {
        name: _escaped(text) if name in TEXTS else text
        for name, text in parameters.items()
        if name not in {"sort", "cursor"}
    }
    for name in ("since", "until"):
        if at := moment_of(name, query.get(name), now):
            query[name] = at.isoformat()
    try:
        read_filter(query)
    except InvalidValue:
        return None
    return query


def moment_of(name: str, text: str | None, now: datetime) -> datetime | None:
    """`text` as a time in UTC. Raises `InvalidValue`."""
    if text is None:
        return None
    try:
        if match := _AGO.fullmatch(text):
            return now - int(match[1]) * _UNITS[match[2].lower()]
        at = datetime.fromisoformat(text)
        return (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        msg = "must be relative, such as 15m, 1h or 7d ago, or a time in UTC, such as 2030-01-31T12:00"
        raise InvalidValue(name, msg) from error


def seconds_ago(text: str | None) -> int | None:
    """The seconds of a relative time; None if `text` isn't one."""
    match = _AGO.fullmatch(text or "")
    return int(match[1]) * int(_UNITS[match[2].lower()].total_seconds()) if match else None


def check_text(name: str, text: str) -> None:
    """Raises `InvalidValue` if no filter can have this text."""
    if len(text) > MAX_TEXT or "\0" in text:
        raise InvalidValue(name, f"must have at most {MAX_TEXT} characters and no NUL")


def _status(text: str | None) -> Status | None:
    if text is None:
        return None
    if text.lower() not in set(Status):
        raise InvalidValue("status", f"must be one of {', '.join(Status)}")
    return Status(text.lower())


def _order(text: str | None) -> TaskOrder:
    if text is not None and text not in ORDERS:
        raise InvalidValue("sort", f"must be one of {', '.join(ORDERS)}")
    return ORDERS[text or "newest"]


def _escaped(text: str) -> str:
    return literally(text)[1:-1]


_AGO = re.compile(r"([0-9]{1,6})([smhdwSMHDW])")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}

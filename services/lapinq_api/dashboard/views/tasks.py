"""The list of tasks: search, and bulk actions on what it finds.

The URL holds the search as plain parameters. The search box has a syntax for the same (`search_syntax.py`); what is
typed there leads to the URL with the parameters.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.parts import search_syntax
from lapinq_api.dashboard.parts.task_query import ORDERS, bulk_query, read_search, seconds_ago
from lapinq_api.state import State
from lapinq_core.domain.accounts.account import Actor, Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.tasks.state import Status
from lapinq_core.fleet import worker_names
from lapinq_core.fleet.worker_names import WorkerName
from lapinq_core.lookup.search import SEARCH_SECONDS, Search, count, search
from lapinq_core.tasks import inspect

TASKS_SHOWN = 50
_WORDS = "q"
_CURSOR = "cursor"
_FAR = "far"
FAR_SECONDS = 1.2
"""How long an extended search takes."""
_FILTERS = tuple(search_syntax.KEYS.values())
_KEYS = {name: key for key, name in search_syntax.KEYS.items()}


class Chip(msgspec.Struct, frozen=True):
    """An active filter: its key and text, and the query string without it."""

    key: str
    text: str
    without: str


async def load(state: State, address: PageAddress) -> dict[str, Any]:
    parameters = _parameters(address)
    now = datetime.now(UTC)
    named = parameters.get("worker")
    chosen = read_search({name: text for name, text in parameters.items() if name != "worker"}, now)
    worker = await _find_worker(state, named) if named else None
    if worker is not None:
        chosen = msgspec.structs.replace(chosen, worker=worker.id)
        parameters["worker"] = worker.id
    scan = state.database.scan
    # Each may take as long as the whole page.
    found, counted, queues = await asyncio.gather(
        scan(search, chosen, TASKS_SHOWN, seconds=_search_seconds(address)),
        scan(count, msgspec.structs.replace(chosen, before=None)),
        scan(inspect.count_queues),
    )
    filters = {name: text for name, text in parameters.items() if name != _CURSOR}
    further = {_CURSOR: found.more, **({_FAR: "1"} if found.looked_back_to else {})}
    return {
        **_form(filters, search_syntax.write(filters | ({"worker": named} if named else {})), worker),
        "problem": None,
        "queues": [queue.queue_name for queue in queues],
        "found": found,
        "counted": counted,
        "is_first": _CURSOR not in parameters,
        "newest": urlencode(filters),
        "older": urlencode({**filters, **further}) if found.more else None,
        "bulk": _bulk(filters, chosen, now),
    }


def check(state: State, actor: Actor, address: PageAddress) -> None:
    """Refuses searches in hidden payloads, with which a caller could guess the values."""
    state.payloads.for_(actor).check_search(_parameters(address))


def canonical(query: Mapping[str, str]) -> dict[str, str] | None:
    """The search box's words as parameters, and without the form's empty fields."""
    if _WORDS in query:
        try:
            return search_syntax.parse(query[_WORDS])
        except InvalidValue:
            return None
    if all(query.values()):
        return None
    return {name: text for name, text in query.items() if text and name in PARAMETERS}


def on_invalid(address: PageAddress, problem: str) -> dict[str, Any]:
    """The form as submitted."""
    words = address.query.get(_WORDS)
    filters = {} if words else {name: text for name, text in address.query.items() if name in _FILTERS}
    return {
        **_form(filters, words or search_syntax.write(filters), None),
        "problem": f"{problem}.",
        "queues": [],
    }


def _parameters(address: PageAddress) -> dict[str, str]:
    """The search parameters. Raises `InvalidValue`."""
    if _WORDS in address.query:
        return search_syntax.parse(address.query[_WORDS])
    return {name: address.query[name] for name in (*_FILTERS, _CURSOR) if name in address.query}


def _search_seconds(address: PageAddress) -> float:
    """The time limit of the search, in seconds."""
    return FAR_SECONDS if {_FAR, _CURSOR} <= address.query.keys() else SEARCH_SECONDS


async def _find_worker(state: State, text: str) -> WorkerName:
    worker = await state.database.scan(worker_names.find, text) if "\0" not in text else None
    if worker is None:
        raise InvalidValue("worker", "must be the name of a known worker, or an id")
    return worker


def _form(filters: dict[str, str], words: str, worker: WorkerName | None) -> dict[str, Any]:
    shown = {**filters, "worker": worker.name} if worker and worker.name else filters
    return {
        "filters": shown,
        "words": words,
        "chips": [
            Chip(_KEYS[name], text, urlencode({key: value for key, value in filters.items() if key != name}))
            for name, text in shown.items()
        ],
        "statuses": [
            (
                status,
                urlencode({**_without(filters, "status", "sort"), **({"status": status} if status else {})}),
            )
            for status in (None, *Status)
        ],
        "longest": urlencode({**_without(filters, "status"), "sort": "longest"}),
        "sorts": list(ORDERS),
        "may": Permission,
    }


def _without(filters: dict[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in filters.items() if name not in names}


def _bulk(filters: dict[str, str], chosen: Search, now: datetime) -> dict[str, Any] | None:
    """The parameters of bulk calls for everything found; None if no call can express the search."""
    query = bulk_query(filters, now)
    if query is None:
        return None
    ago = {name: seconds_ago(filters.get(name)) for name in ("since", "until")}
    return {
        "query": urlencode(query),
        "queue": chosen.queue,
        # Relative times are resolved when the user starts the action.
        "ago": {name: seconds for name, seconds in ago.items() if seconds is not None},
        "can_requeue": chosen.status in {None, Status.FAILED},
        "can_cancel": chosen.status in {None, Status.PENDING},
        "can_delete": chosen.status is not Status.RUNNING,
    }


PARAMETERS = frozenset((*_FILTERS, _CURSOR, _FAR, _WORDS))

VIEW = View(
    path="/tasks",
    template="tasks.html",
    here="tasks",
    load=load,
    parts=("tasks-count", "tasks-table"),
    is_list=True,
    parameters=PARAMETERS,
    check=check,
    canonical=canonical,
    on_invalid=on_invalid,
)

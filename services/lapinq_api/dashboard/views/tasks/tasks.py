"""The list of tasks: search, and bulk actions on what it finds.

The URL holds the search as plain parameters. The search box has a syntax for the same (`search_syntax.py`); what is
typed there leads to the URL with the parameters.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request

from lapinq_api.auth.sessions import SESSION_KEY
from lapinq_api.dashboard.page.view import Elsewhere, PageAddress, View
from lapinq_api.dashboard.parts.task_list import search_syntax
from lapinq_api.dashboard.parts.task_list.arguments_preview import preview
from lapinq_api.dashboard.parts.task_list.task_columns import headings, read_columns, toggles
from lapinq_api.dashboard.parts.task_list.task_query import (
    ORDERS,
    STATES,
    TIMES,
    ZONE,
    bulk_query,
    is_in_zone,
    problem_of,
    read_search,
    seconds_ago,
)
from lapinq_api.dashboard.views.operating import errors
from lapinq_api.dashboard.views.tasks import bulk_actions
from lapinq_api.operations.filters.several import join
from lapinq_api.operations.filters.task import queues_of
from lapinq_api.operations.filters.task_values import ids_beginning_with
from lapinq_api.state import State
from lapinq_api.wire.errors import Refused
from lapinq_core.domain.accounts.account import Actor, Permission
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.queue_filter import Readable, includes, narrowed
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.shown_state import DELAYED, ShownState, states_of
from lapinq_core.domain.tasks.state import Status
from lapinq_core.fleet import worker_names
from lapinq_core.fleet.worker_names import WorkerName
from lapinq_core.lookup.keys import find_keys
from lapinq_core.lookup.search.argument_positions import with_positions
from lapinq_core.lookup.search.search import SEARCH_SECONDS, Search, as_filter, count, schedules_of, search
from lapinq_core.lookup.why.blocking import first_blocks
from lapinq_core.people import saved_views
from lapinq_core.tasks import inspect

if TYPE_CHECKING:
    from lapinq_core.people.sessions import Session

TASKS_SHOWN = 50
MAX_KEYS = 5
_WORDS = "q"
_CURSOR = "cursor"
_FAR = "far"
_COLUMNS = "columns"
FAR_SECONDS = 1.2
"""How long an extended search takes."""
_FILTERS = tuple(search_syntax.KEY_OF)
_LEGACY = {"args": "arguments"}
"""Parameters under an earlier name, in bookmarks."""
_KEPT = (
    "kwargs",
    search_syntax.NAMED,
    *search_syntax.SEVERAL.values(),
    *search_syntax.EXCLUDED.values(),
    _COLUMNS,
)
"""Parameters without a field in the form, which it hands on."""
_WHOLE_ID = 36
_TABS = (
    None,
    "ready",
    "scheduled",
    "retrying",
    "blocked",
    "suspended",
    *(status.value for status in Status if status is not Status.PENDING),
)
"""The states that have a link of their own above the list; None is all."""


class Chip(msgspec.Struct, frozen=True):
    """An active filter: its key and text, and the query string without it."""

    key: str
    text: str
    without: str


class KeyMatch(msgspec.Struct, frozen=True):
    """Keys that begin with `word`, and the query string of the search for their tasks."""

    word: str
    keys: list[str]
    query: str


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    parameters = _parameters(address)
    await _lead_to_the_task(state, parameters, readable)
    now = datetime.now(UTC)
    named = parameters.get("worker")
    chosen = read_search({name: text for name, text in parameters.items() if name != "worker"}, now)
    worker = await _find_worker(state, named, readable) if named else None
    if worker is not None:
        chosen = msgspec.structs.replace(chosen, worker=worker.id)
        parameters["worker"] = worker.id
    scan = state.database.scan
    if chosen.named_arguments is not None:
        chosen = await scan(with_positions, chosen)
    # Each may take as long as the whole page.
    found, counted, of_keys, active = await asyncio.gather(
        scan(search, narrowed(chosen, readable), TASKS_SHOWN, seconds=_search_seconds(address)),
        scan(count, narrowed(msgspec.structs.replace(chosen, before=None), readable)),
        _of_keys(state, parameters.get("task_name"), readable),
        bulk_actions.load_active(state, readable),
    )
    if not counted.is_exact and counted.number < len(found.tasks):
        counted = msgspec.structs.replace(
            counted, number=len(found.tasks)
        )  # the search went further than the count
    columns = read_columns(parameters.get(_COLUMNS))
    ids = [task.id for task in found.tasks] if "schedule" in columns else []
    named_by = await scan(schedules_of, ids) if ids else {}
    ready = [task.id for task in found.tasks if task.state is ShownState.READY]
    blocks = await scan(first_blocks, ready) if ready else {}
    filters = {name: text for name, text in parameters.items() if name != _CURSOR}
    further = {_CURSOR: found.more, **({_FAR: "1"} if found.looked_back_to else {})}
    return {
        **_form(filters, search_syntax.write(filters | ({"worker": named} if named else {})), worker),
        "problem": None,
        "unknown": None,
        "of_keys": of_keys,
        "found": found,
        "counted": counted,
        "is_first": _CURSOR not in parameters,
        "newest": urlencode(filters),
        # Each viewer means their own yesterday.
        "as_view": urlencode(_without(filters, ZONE)),
        "older": urlencode({**filters, **further}) if found.more else None,
        "bulk": _bulk(filters, chosen, now),
        "columns": columns,
        "toggles": toggles(filters, columns),
        "headings": headings(filters, chosen),
        "preview": preview,
        "schedule_of": named_by,
        "block_of": blocks,
        **active,
    }


async def _of_keys(state: State, word: str | None, readable: Readable) -> KeyMatch | None:
    """What a word that searches names would find among keys; None without one, or if no key can begin so."""
    try:
        check_key("key", word := word or "")
    except InvalidValue:
        return None
    found = await state.database.scan(find_keys, word, MAX_KEYS, readable)
    return KeyMatch(word, [hit.key for hit in found], urlencode({"keys": join([f"{word}*"])}))


def check(state: State, actor: Actor, address: PageAddress) -> None:
    """Refuses searches in hidden payloads, with which a caller could guess the values."""
    parameters = _parameters(address)
    named = queues_of(parameters)
    if named == [None] and actor.queues is not None:
        named = sorted(actor.queues)
    state.payloads.for_(actor).check_search(parameters, named)


def canonical(query: Mapping[str, str], zone: str | None) -> dict[str, str] | None:
    """The search box's words as parameters, without the form's empty fields, and with the zone of local times."""
    if _WORDS in query:
        try:
            columns = {_COLUMNS: query[_COLUMNS]} if query.get(_COLUMNS) else {}
            return _in_zone(search_syntax.parse(query[_WORDS]) | columns, zone)
        except InvalidValue:
            return None
    found = dict(query)
    if not all(query.values()) or _LEGACY.keys() & query.keys():
        named = {_LEGACY.get(name, name): text for name, text in query.items()}
        found = {name: text for name, text in named.items() if text and name in PARAMETERS}
    found = _in_zone(found, zone)
    return None if found == query else found


def _in_zone(parameters: dict[str, str], zone: str | None) -> dict[str, str]:
    """`parameters`, with the viewer's zone if there are local times and none is named."""
    is_local = any(is_in_zone(parameters[name]) for name in TIMES if name in parameters)
    return {ZONE: zone, **parameters} if zone and is_local else parameters


def on_invalid(address: PageAddress, error: InvalidValue | Refused) -> dict[str, Any]:
    """The form as submitted."""
    words = address.query.get(_WORDS)
    filters = {} if words else {name: text for name, text in address.query.items() if name in _FILTERS}
    return {
        **_form(filters, words or search_syntax.write(filters), None),
        "problem": problem_of(error),
        "of_keys": None,
        "unknown": search_syntax.unknown_filter(words) if words else None,
        "keys": list(search_syntax.KEYS),
        "queues": [],
    }


def _parameters(address: PageAddress) -> dict[str, str]:
    """The search parameters. Raises `InvalidValue`."""
    if _WORDS in address.query:
        return search_syntax.parse(address.query[_WORDS])
    return {
        _LEGACY.get(name, name): address.query[name]
        for name in (*_LEGACY, *_FILTERS, ZONE, _COLUMNS, _CURSOR)
        if name in address.query
    }


async def _lead_to_the_task(state: State, parameters: dict[str, str], readable: Readable) -> None:
    """Raises `Elsewhere` if the whole id of a task is all that is searched for."""
    if parameters.keys() != {"id"} or len(parameters["id"]) != _WHOLE_ID:
        return
    task_id, _ = ids_beginning_with(parameters["id"])
    names = await state.database.scan(inspect.get_names, task_id)
    if names is not None and includes(readable, names.queue_name):
        raise Elsewhere(f"/tasks/{task_id}")


def _search_seconds(address: PageAddress) -> float:
    """The time limit of the search, in seconds."""
    return FAR_SECONDS if {_FAR, _CURSOR} <= address.query.keys() else SEARCH_SECONDS


async def _find_worker(state: State, text: str, readable: Readable) -> WorkerName:
    worker = await state.database.scan(worker_names.find, text, readable) if "\0" not in text else None
    if worker is None:
        raise InvalidValue("worker", "must be the name of a known worker, or an id")
    return worker


def _form(filters: dict[str, str], words: str, worker: WorkerName | None) -> dict[str, Any]:
    shown = {**filters, "worker": worker.name} if worker and worker.name else filters
    rest = _without(filters, *STATES, "sort")
    return {
        "filters": shown,
        "words": words,
        "chips": [
            Chip(search_syntax.KEY_OF[name], _said(name, text, filters), urlencode(_without(filters, name)))
            for name, text in shown.items()
            if name in search_syntax.KEY_OF
        ],
        "tabs": [(tab, urlencode({**rest, **_in_state(tab)})) for tab in _TABS],
        "tab": next((tab for tab in _TABS if _is_in(filters, tab)), ""),
        "longest": urlencode({**rest, "sort": "longest"}),
        "by_name": _by_name(filters),
        "sorts": list(ORDERS),
        "kept": _KEPT,
        "statuses": list(Status),
        "states": [state for state in ShownState if state.value not in set(Status)],
        "may": Permission,
    }


def _said(name: str, text: str, filters: dict[str, str]) -> str:
    """A filter as a chip tells it: a local time with its zone."""
    return f"{text} ({filters.get(ZONE, 'UTC')})" if name in TIMES and is_in_zone(text) else text


def _in_state(tab: str | None) -> dict[str, str]:
    if tab is None:
        return {}
    return {"status" if tab in set(Status) else "state": tab}


def _is_in(filters: dict[str, str], tab: str | None) -> bool:
    asked = {name: text.lower() for name, text in filters.items() if name in {*STATES, "sort"}}
    return asked == _in_state(tab)


def _by_name(filters: dict[str, str]) -> str | None:
    """The search for the beginning of an id as a part of a name instead; None if it would not be the same word."""
    begin = filters.get("id", "").replace("-", "")
    if not begin or "task_name" in filters or len(begin) == 32:
        return None
    return urlencode({**_without(filters, "id"), "task_name": begin})


def _without(filters: dict[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in filters.items() if name not in names}


def _bulk(filters: dict[str, str], chosen: Search, now: datetime) -> dict[str, Any] | None:
    """The parameters of bulk calls for everything found; None if no call can express the search."""
    query = bulk_query(filters, now)
    if query is None:
        return None
    ago = {name: seconds_ago(filters.get(name)) for name in TIMES}
    sought = as_filter(chosen)
    states = sought.states or frozenset[ShownState]().union(*map(states_of, sought.statuses))
    return {
        "query": urlencode(query),
        "queues": chosen.queues or [chosen.queue],
        # Relative times are resolved when the user starts the action.
        "ago": {name: seconds for name, seconds in ago.items() if seconds is not None},
        "can_requeue": Status.FAILED in sought.statuses,
        "can_cancel": Status.PENDING in sought.statuses,
        "can_run": bool(states & DELAYED),
        "can_delete": not sought.statuses <= {Status.RUNNING},
    }


async def load_around(state: State, request: Request) -> dict[str, Any]:
    """The viewer's saved views, and the names of queues that the form offers."""
    session: Session | None = request.scope.get(SESSION_KEY)  # None with the key in the settings
    views = None
    if session is not None:
        may_read_all = session.actor.may_read(None)
        views = await state.database.run(saved_views.list_for, session.user_id, "tasks", shared=may_read_all)
    return {"saved_views": views, **await errors.load_queues(state, request)}


PARAMETERS = frozenset((*_FILTERS, *_LEGACY, ZONE, _COLUMNS, _CURSOR, _FAR, _WORDS))

VIEW = View(
    path="/tasks",
    template="tasks.html",
    here="tasks",
    load=load,
    is_narrowed=True,
    parts=("bulk-active", "tasks-count", "tasks-table"),
    is_list=True,
    parameters=PARAMETERS,
    check=check,
    canonical=canonical,
    on_invalid=on_invalid,
    personal=load_around,
)

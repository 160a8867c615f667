"""Filters of tasks: the query parameters of lists and bulk calls, and reading them.

They are those of the dashboard's search, so a call can name exactly the tasks that a search shows, on all its pages.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lapinq_api.operations.endpoint import Parameter
from lapinq_api.operations.filters.several import (
    MAX_VALUES,
    schema_of_pairs,
    schema_of_texts,
    schema_of_words,
    split,
)
from lapinq_api.operations.filters.task_values import (
    CURSOR,
    MAX_GROUPS,
    MAX_TEXT,
    NUMBERS,
    PARAMETER,
    check_kind,
    ids_beginning_with,
    read_cursor,
    read_groups,
    read_keys,
    read_kinds,
    read_named_arguments,
    read_names,
    read_states,
    read_status,
    read_text,
    read_texts,
    read_worker_id,
)
from lapinq_api.operations.paging import LIMIT, cursor_parameter
from lapinq_api.wire.query import moment
from lapinq_core.domain.ids import BEGIN_OF_ID
from lapinq_core.domain.requests.values import KEY_SCHEMA, NAME_SCHEMA
from lapinq_core.domain.tasks.key import CONTROL_CHARACTERS, MAX_KEY, check_key
from lapinq_core.domain.tasks.shown_state import ShownState
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import MAX_NAME, check_name
from lapinq_core.lookup.search.search import Search, as_filter
from lapinq_core.tasks.filters import TaskFilter, containing, in_states, pattern_of


def read_page(query: dict[str, str]) -> TaskFilter:
    """The filter in `query`, from its cursor on. Raises `InvalidValue`."""
    return msgspec.structs.replace(read_filter(query), before=read_cursor(query.get("cursor")))


def read_filter(query: dict[str, str]) -> TaskFilter:
    """The filter in `query`. Raises `InvalidValue`."""
    for name in ("queue", "task_name", "name"):
        if name in query:
            check_name(name, query[name])
    if (worker := query.get("worker")) is not None:
        worker = read_worker_id(worker)
    if "key" in query:
        check_key("key", query["key"])
    if (kind := query.get("error_kind")) is not None:
        check_kind(kind)
    first, last = ids_beginning_with(query["id"]) if "id" in query else (None, None)
    chosen = with_pattern(
        Search(
            queue=query.get("queue"),
            status=read_status(query.get("status")),
            task_name=containing(query["task_name"]) if "task_name" in query else None,
            name=query.get("name"),
            error_kind=kind,
            error_groups=read_groups("error_group", query),
            worker=worker,
            key=query.get("key"),
            first=first,
            last=last,
            since=moment("since", query.get("since")),
            until=moment("until", query.get("until")),
            ended_since=moment("ended_since", query.get("ended_since")),
            ended_until=moment("ended_until", query.get("ended_until")),
            error=read_text("error", query),
        )
    )
    rest: dict[str, Any] = {name: read_text(name, query) for name in _TEXTS}
    rest |= {name: read_texts(name, query) for name in LISTS_OF_TEXTS}
    rest |= read_lists(query)
    found = as_filter(msgspec.structs.replace(chosen, **rest))
    return in_states(found, read_states("state", query["state"])) if "state" in query else found


def read_lists(query: Mapping[str, str]) -> dict[str, Any]:
    """The filters of several names, keys or kinds, and the named arguments. Raises `InvalidValue`."""
    found: dict[str, Any] = {name: read_names(name, query) for name in LISTS_OF_NAMES}
    found |= {name: read_keys(name, query) for name in LISTS_OF_KEYS}
    found["not_error_kinds"] = read_kinds("not_error_kinds", query)
    found["named_arguments"] = read_named_arguments("named_arguments", query)
    return found


def queues_of(query: dict[str, str]) -> Sequence[str | None]:
    """The queues to which the filter in `query` limits the tasks; [None] for all queues. Raises `InvalidValue`."""
    if "queue" in query:
        return [query["queue"]]
    return split("queues", query["queues"]) if "queues" in query else [None]


def with_pattern(chosen: Search) -> Search:
    """The same search with a pattern for its kind of error: a pattern rules out most other errors faster."""
    if chosen.error_kind is None or chosen.error is not None:
        return chosen
    return msgspec.structs.replace(chosen, error=pattern_of(chosen.error_kind))


LISTS_OF_NAMES = ("queues", "names", "not_queues", "not_names")
LISTS_OF_TEXTS = ("not_task_names", "not_arguments", "not_metadata", "not_results", "not_errors")
LISTS_OF_KEYS = ("keys", "not_keys")
_TEXTS = ("args", "kwargs", "arguments", "metadata", "result")
_SEVERAL_NAMES, _SEVERAL_TEXTS = schema_of_texts(MAX_NAME), schema_of_texts(MAX_TEXT)
_SEVERAL_KEYS = schema_of_texts(MAX_KEY, CONTROL_CHARACTERS)
_TEXT_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT, "pattern": "^[^\\u0000]*$"}

STATUS = Parameter(
    name="status", description="Only this status.", schema={"type": "string", "enum": list(Status)}
)
FILTERS = (
    Parameter(name="queue", description="Only this queue.", schema=NAME_SCHEMA),
    Parameter(
        name="task_name",
        description="Only task names that contain this, ignoring case (ILIKE).",
        schema=NAME_SCHEMA,
    ),
    Parameter(name="name", description="Only tasks with exactly this name.", schema=NAME_SCHEMA),
    Parameter(
        name="args",
        description="Only tasks whose positional arguments contain this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="kwargs",
        description="Only tasks whose keyword arguments contain this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="arguments",
        description="Only tasks whose positional or keyword arguments contain this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="metadata",
        description="Only tasks whose metadata contain this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="result",
        description="Only tasks whose result contains this as JSON text (ILIKE).",
        schema=_TEXT_SCHEMA,
    ),
    Parameter(name="error", description="Only tasks whose error contains this (ILIKE).", schema=_TEXT_SCHEMA),
    Parameter(
        name="error_kind",
        description=(
            "Only tasks that ended with an error whose first line equals this, after every number, id and"
            " quoted part is replaced by `*`."
        ),
        schema=_TEXT_SCHEMA,
    ),
    Parameter(
        name="error_group",
        description=(
            f"Only tasks whose error is in one of these groups: ids, separated by commas, at most {MAX_GROUPS}."
        ),
        schema={"type": "string", "pattern": f"^{NUMBERS}$"},
    ),
    Parameter(
        name="id",
        description="Only tasks whose id starts with this.",
        schema={"type": "string", "pattern": f"^({BEGIN_OF_ID})$"},
    ),
    Parameter(
        name="worker",
        description="Only tasks whose latest attempt this worker runs or ran.",
        schema={"type": "string", "format": "uuid"},
    ),
    Parameter(name="key", description="Only tasks with exactly this key.", schema=KEY_SCHEMA),
    Parameter(
        name="since",
        description="Only tasks enqueued at or after this time.",
        schema={"type": "string", "format": "date-time"},
    ),
    Parameter(
        name="until",
        description="Only tasks enqueued before this time.",
        schema={"type": "string", "format": "date-time"},
    ),
    Parameter(
        name="ended_since",
        description="Only tasks that ended at or after this time; with status=failed, those that failed.",
        schema={"type": "string", "format": "date-time"},
    ),
    Parameter(
        name="ended_until",
        description="Only tasks that ended before this time.",
        schema={"type": "string", "format": "date-time"},
    ),
    Parameter(
        name="state",
        description=f"Only tasks in one of these states, separated by commas: {', '.join(ShownState)}.",
        schema=schema_of_words(ShownState),
    ),
    *(
        Parameter(
            name=name,
            description=(
                f"Only tasks {which}: values separated by commas, at most {MAX_VALUES}. A value with a comma stands in"
                " double quotes."
            ),
            schema=schema,
        )
        for name, schema, which in (
            ("queues", _SEVERAL_NAMES, "of one of these queues"),
            ("names", _SEVERAL_NAMES, "with exactly one of these names"),
            ("keys", _SEVERAL_KEYS, "with one of these keys; `acme*` is every key that begins with acme"),
            (
                "named_arguments",
                schema_of_pairs(PARAMETER, MAX_TEXT // 2),
                "with these arguments, each as `name=value`, by keyword or by position as living workers report their"
                " functions. `order.id=17` looks into an object, `email=acme*` finds what begins with acme",
            ),
            ("not_queues", _SEVERAL_NAMES, "of other queues"),
            ("not_names", _SEVERAL_NAMES, "with other names"),
            ("not_task_names", _SEVERAL_TEXTS, "whose names contain none of these (ILIKE)"),
            ("not_keys", _SEVERAL_KEYS, "with none of these keys, or without one; `acme*` as in `keys`"),
            ("not_arguments", _SEVERAL_TEXTS, "whose arguments contain none of these as JSON text (ILIKE)"),
            ("not_metadata", _SEVERAL_TEXTS, "whose metadata contain none of these as JSON text (ILIKE)"),
            (
                "not_results",
                _SEVERAL_TEXTS,
                "whose results contain none of these (ILIKE), those without a result included",
            ),
            (
                "not_errors",
                _SEVERAL_TEXTS,
                "whose errors contain none of these (ILIKE), those without an error included",
            ),
            (
                "not_error_kinds",
                _SEVERAL_TEXTS,
                "whose errors are of none of these kinds, as in `error_kind`",
            ),
        )
    ),
)
"""All filters except the status, which some calls fix."""
PAGE = (LIMIT, cursor_parameter(CURSOR))

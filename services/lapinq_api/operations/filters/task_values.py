"""Reads single values of filters of tasks, as requests send them. All raise `InvalidValue`."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from uuid import UUID

import msgspec

from lapinq_api.operations.filters.several import split
from lapinq_api.operations.paging import wrong_cursor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import BEGIN_OF_ID
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.shown_state import ShownState
from lapinq_core.domain.tasks.state import Status
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.tasks.filters import beginning, containing

MAX_TEXT = 1000
PARAMETER = r"[^\W\d]\w*(?:\.\w+)*"
"""A pattern for the name of a parameter, with dots into objects."""
MAX_GROUPS = 100
"""Groups of errors in one filter: as many as the dashboard lists."""
NUMBERS = f"[1-9][0-9]{{0,17}}(?:,[1-9][0-9]{{0,17}}){{0,{MAX_GROUPS - 1}}}"
CURSOR = "[A-Za-z0-9_-]{22}"
"""A pattern for a cursor."""


def ids_beginning_with(text: str, what: str = "a task id") -> tuple[str, str]:
    """The lowest and the highest id that start with `text`, which is the start of `what`."""
    text = text.strip().lower()
    if not _BEGIN.fullmatch(text):
        raise InvalidValue("id", f"must be the start of {what}")
    return text + _LOWEST_ID[len(text) :], text + _HIGHEST_ID[len(text) :]


def read_status(text: str | None) -> Status | None:
    if text is not None and text not in set(Status):
        raise InvalidValue("status", f"must be one of {', '.join(Status)}")
    return Status(text) if text else None


def read_states(name: str, text: str) -> frozenset[ShownState]:
    """The states in `text`, separated by commas."""
    states = split(name, text)
    if not set(states) <= set(ShownState):
        raise InvalidValue(name, f"must be one or several of {', '.join(ShownState)}, separated by commas")
    return frozenset(map(ShownState, states))


def read_names(name: str, query: Mapping[str, str]) -> list[str] | None:
    """Names of queues or tasks, separated by commas."""
    if name not in query:
        return None
    names = split(name, query[name])
    for one in names:
        check_name(name, one)
    return names


def read_keys(name: str, query: Mapping[str, str]) -> list[str] | None:
    """The patterns for keys separated by commas, of which `acme*` is every key that begins so."""
    if name not in query:
        return None
    keys = split(name, query[name])
    for one in keys:
        check_key(name, one)
    return [beginning(one) for one in keys]


def read_kinds(name: str, query: Mapping[str, str]) -> list[str] | None:
    """Kinds of errors, separated by commas."""
    if name not in query:
        return None
    kinds = split(name, query[name])
    for one in kinds:
        check_kind(one, name)
    return kinds


def read_named_arguments(name: str, query: Mapping[str, str]) -> str | None:
    """Arguments as `parameter=value`, separated by commas, as the filter has them."""
    if name not in query:
        return None
    found: dict[str, dict[str, str]] = {}
    for one in split(name, query[name]):
        parameter, _, value = one.partition("=")
        if not value or len(one) > MAX_TEXT or "\0" in one or not _PARAMETER.fullmatch(parameter):
            raise InvalidValue(name, "must be arguments such as order=17, separated by commas")
        if parameter in found:
            raise InvalidValue(name, f"must have {parameter} once")
        found[parameter] = {"like": beginning(value)}
    return msgspec.json.encode(found).decode()


def read_text(name: str, query: Mapping[str, str]) -> str | None:
    """The pattern for what contains the text."""
    return None if name not in query else _pattern(name, query[name])


def read_texts(name: str, query: Mapping[str, str]) -> list[str] | None:
    """The patterns for what contains one of the texts, which are separated by commas."""
    return None if name not in query else [_pattern(name, text) for text in split(name, query[name])]


def read_worker_id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise InvalidValue("worker", "must be a worker's id")
    return str(UUID(text))


def check_kind(text: str, name: str = "error_kind") -> None:
    """`text` can be a kind of error."""
    if not 1 <= len(text) <= MAX_TEXT or "\0" in text:
        raise InvalidValue(name, f"must have 1 to {MAX_TEXT} characters and no NUL")


def read_groups(name: str, query: Mapping[str, str]) -> list[int] | None:
    """The ids of groups of errors, which are separated by commas."""
    if name not in query:
        return None
    if not _NUMBERS.fullmatch(query[name]):
        raise InvalidValue(
            name, f"must be ids of groups of errors, at most {MAX_GROUPS}, separated by commas"
        )
    return [int(text) for text in query[name].split(",")]


def read_cursor(text: str | None) -> str | None:
    """The id before which the page begins; None for the first page."""
    if text is None:
        return None
    if not _CURSOR.fullmatch(text):
        raise wrong_cursor()
    return str(UUID(bytes=urlsafe_b64decode(f"{text}==")))


def cursor_after(last: str) -> str:
    """The `cursor` after the task `last`."""
    return urlsafe_b64encode(UUID(last).bytes).rstrip(b"=").decode()


def _pattern(name: str, text: str) -> str:
    # Every text contains the empty one, and nobody means to delete everything by an empty filter.
    if not 1 <= len(text) <= MAX_TEXT:
        raise InvalidValue(name, f"must have 1 to {MAX_TEXT} characters")
    if "\0" in text:
        raise InvalidValue(name, "must not contain the character NUL")
    return containing(text)


_LOWEST_ID = "00000000-0000-0000-0000-000000000000"
_HIGHEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff"
_BEGIN = re.compile(BEGIN_OF_ID)
_CURSOR = re.compile(CURSOR)
_PARAMETER = re.compile(PARAMETER)
_NUMBERS = re.compile(NUMBERS)
_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")

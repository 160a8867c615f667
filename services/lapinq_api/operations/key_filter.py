"""The parameters of a list of keys."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from lapinq_api.operations.paging import read_text, wrong_cursor
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.ids import is_id
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.limits.blocked_keys import KeyFilter, KeySort, KeyState

Choice = TypeVar("Choice", bound=StrEnum)


def read_key_filter(query: Mapping[str, str]) -> KeyFilter:
    """Which keys are asked for. Raises `InvalidValue`."""
    chosen = KeyFilter(
        state=_one_of(KeyState, query, "state", KeyState.BLOCKED),
        sort=_one_of(KeySort, query, "sort", KeySort.KEY),
        prefix=read_prefix(query.get("prefix")),
        after=read_text(query),
    )
    if chosen.sort is KeySort.AGE:
        if chosen.state is not KeyState.BLOCKED:
            raise InvalidValue("sort", "must be key, unless only blocked keys are asked for")
        if chosen.after is not None and not is_id(chosen.after):
            raise wrong_cursor()
    return chosen


def read_prefix(text: str | None) -> str:
    """The beginning of keys, empty for all (None). Raises `InvalidValue`."""
    if text is None:
        return ""
    check_key("prefix", text)
    return text


def _one_of(kind: type[Choice], query: Mapping[str, str], name: str, default: Choice) -> Choice:
    text = query.get(name, default)
    if text not in set(kind):
        raise InvalidValue(name, f"must be one of {', '.join(kind)}")
    return kind(text)

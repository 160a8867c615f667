"""The options `unique` and `debounce` of a task: a key, perhaps computed from the arguments of the call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NotRequired, TypeAlias, TypedDict, cast

from lapinq._client.declaring.computed import BoundArguments, KeyOption, compute, is_function
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.unique import Debounce, Unique, check_debounce, check_unique


class UniqueOptions(TypedDict):
    """By the names of the API. `until` may be a number of seconds."""

    key: KeyOption
    until: NotRequired[Literal["started", "finished"] | float]
    on_conflict: NotRequired[Literal["return", "reject", "replace"]]


class DebounceOptions(TypedDict):
    """Times are in seconds."""

    key: KeyOption
    delay: float
    max_wait: NotRequired[float | None]


UniqueOption: TypeAlias = KeyOption | UniqueOptions
"""A key alone holds until the task has finished, and returns the task that has it."""

_FIELDS: dict[str, tuple[str, ...]] = {
    "unique": ("key", "until", "on_conflict"),
    "debounce": ("key", "delay", "max_wait"),
}
_SECONDS = ("until", "delay", "max_wait")


def check_unique_options(options: Mapping[str, Any]) -> None:
    """Raises TypeError and `lapinq.errors.InvalidValue` for a wrong `unique` or `debounce`, as far as it shows
    without arguments."""
    given = [name for name in _FIELDS if options.get(name) is not None]
    if not given:
        return
    if len(given) > 1:
        raise TypeError("a task cannot have both unique and debounce; None takes one away")
    [name] = given
    rule = _rule(name, options[name])
    key = rule["key"]
    if not (isinstance(key, str) or is_function(key)):
        raise TypeError(f"the key of {name} must be a str or a function that returns one, not {key!r}")
    for field, value in rule.items():
        is_text = field == "until" and isinstance(value, str)
        if (
            field in _SECONDS
            and not is_text
            and (isinstance(value, bool) or not isinstance(value, (int, float)))
        ):
            raise TypeError(f"{name}.{field} must be a number of seconds, not {value!r}")
    known: dict[str, Any] = {**rule, "key": key if isinstance(key, str) else "?"}
    check_unique(Unique(**known)) if name == "unique" else check_debounce(Debounce(**known))


def with_keys(
    options: dict[str, Any], task_name: str, arguments: Callable[[], BoundArguments]
) -> dict[str, Any]:
    """The options, with the key that the arguments of a call give. Raises like `check_unique_options`, naming the
    task."""
    for name in _FIELDS:
        if options.get(name) is None:
            continue
        rule = _rule(name, options[name])
        key = rule["key"]
        if is_function(key):
            key = compute(key, name, task_name, arguments)
            if key is not None and not isinstance(key, str):
                raise TypeError(
                    f"{task_name}(): the function of {name} must return a str, or None, not {key!r}"
                )
            if key is not None:
                check_key(f"{name}.key", key)
        options = {**options, name: None if key is None else {**rule, "key": key}}
    return {name: value for name, value in options.items() if value is not None}


def _rule(name: str, given: Any) -> dict[str, Any]:
    """What is given, as a dict with a key."""
    if isinstance(given, str) or is_function(given):
        rule: dict[str, Any] = {"key": given}
    elif isinstance(given, Mapping):
        rule = {
            field: value for field, value in cast("Mapping[str, Any]", given).items() if value is not None
        }
    else:
        raise TypeError(f"{name} must be a key, a function that returns one, or a dict, not {given!r}")
    if unknown := rule.keys() - set(_FIELDS[name]):
        raise TypeError(f"{name} has no {', '.join(sorted(unknown))}: it takes {', '.join(_FIELDS[name])}")
    for field in ("key", "delay") if name == "debounce" else ("key",):
        if field not in rule:
            raise TypeError(f"{name} needs a {field}")
    return rule

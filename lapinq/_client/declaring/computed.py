"""The options `key` and `limits` of a task: values, or functions that compute them from the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.limits import check_limits

if TYPE_CHECKING:
    from collections.abc import Iterable


class KeyOf(Protocol):
    """A function that gets the arguments of a call and returns the key, None for no key.

    The first parameter is named so that pyright knows the types of `lambda order_id, *_: …`.
    """

    def __call__(self, first: Any, /, *rest: Any, **named: Any) -> str | None: ...


class LimitsOf(Protocol):
    """A function that gets the arguments of a call and returns the units of each limit, None for no limits."""

    def __call__(self, first: Any, /, *rest: Any, **named: Any) -> Mapping[str, int] | None: ...


KeyOption: TypeAlias = str | KeyOf | Callable[[], str | None]
LimitsOption: TypeAlias = Mapping[str, int] | LimitsOf | Callable[[], Mapping[str, int] | None]


def check_computed(options: Mapping[str, Any]) -> None:
    """Raises TypeError and `lapinq.errors.InvalidValue` for a wrong `key` or `limits`, as far as it shows without
    arguments."""
    for name, check in _CHECKS.items():
        given = options.get(name)
        if given is not None and not callable(given):
            check(given, f"{name} must be {_KINDS[name]}, or a function that returns one")


def with_computed(
    options: dict[str, Any], task_name: str, args: Iterable[Any], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The options, with what functions make of the arguments. Raises like `check_computed`, naming the task."""
    computed = dict(options)
    for name, check in _CHECKS.items():
        compute = computed.get(name)
        if not callable(compute):
            continue
        del computed[name]
        value = compute(*args, **kwargs)
        if value is not None:
            check(value, f"{task_name}(): the function of {name} must return {_KINDS[name]}, or None")
            computed[name] = value
    return computed


def _check_key(key: object, rule: str) -> None:
    if not isinstance(key, str):
        raise TypeError(f"{rule}, not {key!r}")
    check_key("key", key)


def _check_limits(limits: object, rule: str) -> None:
    if not isinstance(limits, Mapping) or not all(
        isinstance(name, str) for name in cast("Mapping[object, object]", limits)
    ):
        raise TypeError(f"{rule}, not {limits!r}")
    check_limits(cast("Mapping[str, object]", limits))


_CHECKS = {"key": _check_key, "limits": _check_limits}
_KINDS = {"key": "a str", "limits": "a dict of units by name"}

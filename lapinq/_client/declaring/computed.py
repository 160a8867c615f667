"""The options `key` and `limits` of a task: values, or functions that compute them from the arguments of a call.

Such functions, those of `unique` and `debounce` too, get the arguments as the task's function does: by position where
possible, with its defaults. Keyword-only arguments that they have no parameter for are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias, TypeGuard, cast

from lapinq._client.entries.placeholder import Placeholder, TooEarly
from lapinq_core.domain.annotations.hints import signature_of
from lapinq_core.domain.tasks.key import check_key
from lapinq_core.domain.tasks.limit_rules import check_limits

BoundArguments: TypeAlias = tuple[Iterable[Any], Mapping[str, Any]]
"""Those of a call, by position and by name."""


class KeyOf(Protocol):
    """A function that gets the arguments of a call, by position where possible, with the defaults of the task. It
    returns the key, None for no key.

    The first parameter is named so that type checkers know that of `lambda order_id, *_: ...`.
    """

    def __call__(self, first: Any, /, *rest: Any, **named: Any) -> str | None: ...


class LimitsOf(Protocol):
    """A function that gets the same arguments and returns the units of each limit, None for no limits."""

    def __call__(self, first: Any, /, *rest: Any, **named: Any) -> Mapping[str, int] | None: ...


KeyOption: TypeAlias = str | KeyOf | Callable[[], str | None]
LimitsOption: TypeAlias = Mapping[str, int] | LimitsOf | Callable[[], Mapping[str, int] | None]


def check_computed(options: Mapping[str, Any]) -> None:
    """Raises TypeError and `lapinq.errors.InvalidValue` for a wrong `key` or `limits`, as far as it shows without
    arguments."""
    for name, check in _CHECKS.items():
        given = options.get(name)
        if given is not None and not is_function(given):
            check(given, f"{name} must be {_KINDS[name]}, or a function that returns one")


def with_computed(
    options: dict[str, Any], task_name: str, arguments: Callable[[], BoundArguments]
) -> dict[str, Any]:
    """The options, with what functions make of the arguments. Raises like `check_computed`, naming the task."""
    computed = dict(options)
    for name, check in _CHECKS.items():
        given = computed.get(name)
        if not is_function(given):
            continue
        del computed[name]
        value = compute(given, name, task_name, arguments)
        if value is not None:
            check(value, f"{task_name}(): the function of {name} must return {_KINDS[name]}, or None")
            computed[name] = value
    return computed


def compute(
    function: Callable[..., Any], option: str, task_name: str, arguments: Callable[[], BoundArguments]
) -> Any:
    """What the function of an option returns for the arguments of a call.

    Raises what the function raises, and TypeError if it doesn't take the arguments, or needs one that is not there yet.
    """
    args, kwargs = arguments()
    if kwargs:
        kwargs = _wanted(function, kwargs)
    try:
        value = function(*args, **kwargs)
    except TooEarly as error:
        raise _too_early(task_name, option, error.placeholder) from error
    except TypeError as error:
        _check_fit(function, f"{task_name}(): the function of {option}", args, kwargs, error)
        raise
    if isinstance(value, Placeholder):
        raise _too_early(task_name, option, value)
    return value


def _too_early(task_name: str, option: str, node: Placeholder) -> TypeError:
    return TypeError(
        f"{task_name}(): the function of {option} needs {node!r}, which is not there before that task has run: say the"
        f" {option} itself, as in {task_name}.options({option}=...)"
    )


def is_function(option: object) -> TypeGuard[Callable[..., Any]]:
    """Whether an option is computed. A node can be called only to say that it can't."""
    return callable(option) and not isinstance(option, Placeholder)


def _wanted(function: Callable[..., Any], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    signature = signature_of(function)
    if signature is None or any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values()):
        return kwargs
    return {name: value for name, value in kwargs.items() if name in signature.parameters}


def _check_fit(
    function: Callable[..., Any],
    what: str,
    args: Iterable[Any],
    kwargs: Mapping[str, Any],
    error: TypeError,
) -> None:
    signature = signature_of(function)
    try:
        if signature is not None:
            signature.bind(*args, **kwargs)
    except TypeError as misfit:
        raise TypeError(
            f"{what} gets all arguments of the task, also defaults, and does not take them: {misfit};"
            " write `lambda order_id, *_: ...` to ignore the rest"
        ) from error


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

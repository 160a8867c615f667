"""Named limits, policies of queues and circuit breakers that code declares. Imported when they are used.

A scheduler that is told the module reads them by the queue's attribute `__lapinq_rules__` and stores them.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypedDict, cast
from weakref import WeakKeyDictionary

from lapinq._client.declaring.names import MAIN
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.limits.breaker import BreakerRule
from lapinq_core.domain.limits.declared import DeclaredBreaker, DeclaredLimit, DeclaredPolicy, Rule, key_of
from lapinq_core.domain.limits.policy import StartOrder, checked_weights
from lapinq_core.domain.limits.rate import Rate, checked_rate, rate_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType


class BreakerOptions(TypedDict, total=False):
    """By the names of the API. `failures_in_row`, `failure_share` or both are given."""

    failures_in_row: int | None
    failure_share: float | None
    window_seconds: float
    least_attempts: int
    retry_after_seconds: float


class Declaring(Protocol):
    """A queue."""

    __lapinq_rules__: tuple[tuple[str, Rule], ...]
    """Each after the module whose code declares it."""


def make_limit(name: str, max_running: int | None, rate: str | None) -> DeclaredLimit:
    """Raises TypeError and `InvalidValue`, as the others do."""
    _check_name("name", name)
    _check_types(max_running=(max_running, int))
    return DeclaredLimit(name=name, max_running=max_running, rate=_rate("rate", rate))


def make_policy(
    queue_name: str,
    max_running: int | None,
    max_running_per_key: int | None,
    rate: str | None,
    rate_per_key: str | None,
    order: str | None,
    weights: Mapping[str, float] | None,
    breaker: int | BreakerOptions | None,
) -> DeclaredPolicy:
    """`breaker` may be its `failures_in_row` alone."""
    _check_name("queue_name", queue_name)
    _check_types(
        max_running=(max_running, int),
        max_running_per_key=(max_running_per_key, int),
        order=(order, str),
        weights=(weights, Mapping),
    )
    if order is not None and order not in set(StartOrder):
        raise InvalidValue("order", f"must be one of {', '.join(StartOrder)}, not {order!r}")
    return DeclaredPolicy(
        name=queue_name,
        max_running=max_running,
        max_running_per_key=max_running_per_key,
        rate=_rate("rate", rate),
        rate_per_key=_rate("rate_per_key", rate_per_key),
        order=StartOrder(order or StartOrder.PRIORITY),
        weights=None if weights is None else checked_weights(dict(weights)),
        breaker=None if breaker is None else BreakerRule(**_breaker_fields(breaker)),
    )


def make_breaker(task: object, options: BreakerOptions) -> DeclaredBreaker:
    """`task` is the name of one, or one."""
    name: Any = getattr(task, "task_name", task)
    if not isinstance(name, str):
        raise TypeError(f"task must be a task or the name of one, not {task!r}")
    return DeclaredBreaker(name=name, **_breaker_fields(options))


def declare(queue: Declaring, rule: Rule) -> None:
    """A method of the queue calls it for its caller, whose module declares the rule, and may replace it if it is run
    again: reloaded, or in a notebook.

    Raises `InvalidValue`, also if the queue declares another with its name.
    """
    rule.check()
    key, place = key_of(rule), _place_of(inspect.currentframe())
    known = {key_of(one): (owner, one) for owner, one in queue.__lapinq_rules__}
    places = _places.setdefault(queue, {})
    first = places.setdefault(key, place)
    if place.runs_again(first):
        known[key], places[key] = (place.module, rule), place
    elif known.setdefault(key, (place.module, rule))[1] != rule:
        raise InvalidValue(
            "",
            f"the {rule.kind} {rule.name!r} is declared already, with other rules, in {first.file},"
            f" line {first.line}: keep one of them",
        )
    queue.__lapinq_rules__ = tuple(known.values())
    declared_rules[key] = rule
    for tell in _listeners:
        tell(rule)


@contextmanager
def listening(tell: Callable[[Rule], None]) -> Generator[None]:
    """While it lasts, `tell` is called with each further rule."""
    _listeners.append(tell)
    try:
        yield
    finally:
        _listeners.remove(tell)


declared_rules: dict[tuple[str, str], Rule] = {}
"""For tests of users: those of all queues of the process, the latest of each kind and name."""
_listeners: list[Callable[[Rule], None]] = []


class _Place(NamedTuple):
    """Where a rule is written. A module that is run again has another spec, a notebook or script has none."""

    module: str
    spec: object
    file: str
    line: int

    def runs_again(self, first: _Place) -> bool:
        is_other_run = self.spec is None or self.module in MAIN or self.spec is not first.spec
        return self.module == first.module and is_other_run


_places: WeakKeyDictionary[Declaring, dict[tuple[str, str], _Place]] = WeakKeyDictionary()


def _place_of(frame: FrameType | None) -> _Place:
    """`frame` is that of `declare`."""
    for _ in range(2):
        frame = frame and frame.f_back
    assert frame is not None  # `declare` has a caller, and that another
    module = frame.f_globals
    return _Place(
        module.get("__name__", ""), module.get("__spec__"), frame.f_code.co_filename, frame.f_lineno
    )


def _rate(field: str, text: Any) -> Rate | None:
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f'{field} must be a str such as "60/m", not {text!r}')
    try:
        parts = rate_parts(text)
    except ValueError:
        raise InvalidValue(
            field,
            'must be an amount per period, such as "60/m", "100/30s" or "5/1.5" (seconds), and may have a burst:'
            f' "90000/m/10000"; not {text!r}',
        ) from None
    return checked_rate(field, *parts)


def _breaker_fields(given: Any) -> dict[str, Any]:
    if type(given) is int:
        return {"failures_in_row": given}
    if not isinstance(given, Mapping):
        raise TypeError(
            f"breaker must be a number of failures in a row or a dict of its rules, not {given!r}"
        )
    fields = {name: value for name, value in cast("Mapping[str, Any]", given).items() if value is not None}
    known = BreakerRule.__struct_fields__
    if unknown := fields.keys() - set(known):
        named = ", ".join(map(repr, sorted(unknown)))
        raise TypeError(f"a circuit breaker has no {named}; its rules are {', '.join(known)}")
    _check_types(
        **{
            name: (value, int if name in ("failures_in_row", "least_attempts") else float)
            for name, value in fields.items()
        }
    )
    return fields


def _check_name(field: str, name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"{field} must be a str, not {name!r}")


def _check_types(**given: tuple[object, type]) -> None:
    """None is left to the default."""
    for field, (value, wanted) in given.items():
        fits = isinstance(value, (int, float) if wanted is float else wanted) and not isinstance(value, bool)
        if value is not None and not fits:
            raise TypeError(f"{field} must be {_NAMES[wanted]}, not {value!r}")


_NAMES: dict[type, str] = {str: "a str", int: "an int", float: "a number", Mapping: "a dict"}

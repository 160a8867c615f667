"""Rules that commands change one by one: what isn't given stays, and `none` removes a rule."""

from collections.abc import Callable, Collection, Mapping
from http import HTTPStatus
from typing import Any

import click

from lapinq.commands.console.api import Api
from lapinq.commands.console.failure import ApiRefused, Failed
from lapinq_core.domain.limits.policy import MAX_RUNNING

NONE = object()
"""Remove it. None is a flag that was not given."""


def or_none(read: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, str | None], object]:
    """A callback for a value that `read` reads, which raises ValueError, or none."""

    def callback(ctx: click.Context, param: click.Parameter, text: str | None) -> object:
        if text is None or text.lower() == "none":
            return NONE if text else None
        try:
            return read(text)
        except ValueError as error:
            raise click.BadParameter(f"{error}, nor none", ctx, param) from None

    return callback


def number(text: str) -> int:
    """Raises ValueError."""
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"{text!r} is no whole number") from None


def share(text: str) -> float:
    """Raises ValueError."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no share such as 0.5") from None


def places(text: str) -> int:
    """How many may run. Raises ValueError."""
    if not 1 <= (most := number(text)) <= MAX_RUNNING:
        raise ValueError(f"{text} is not from 1 to {MAX_RUNNING:,}")
    return most


def changes_of(values: Mapping[str, object]) -> dict[str, object]:
    """The values that were given; None removes a rule."""
    given = {name: value for name, value in values.items() if value is not None}
    return {name: None if value is NONE else value for name, value in given.items()}


def with_kept(
    api: Api, place: str, changes: Mapping[str, object], names: Collection[str]
) -> dict[str, object]:
    """A body that replaces all rules at `place`, those called `names`: the changed ones, and the others as they are.

    Raises `Failed` if some must be read and the key may not.
    """
    found: Mapping[str, object] = {}
    if left := [name for name in names if name not in changes]:
        try:
            found = api.get(place).value
        except ApiRefused as error:
            if error.status == HTTPStatus.FORBIDDEN:
                raise Failed(
                    f"rules that are not given stay as they are, and this key may not read them: give"
                    f" {', '.join(left)} too, or a key that also has the scope read"
                ) from error
            if error.status != HTTPStatus.NOT_FOUND:
                raise
    rules = {name: changes[name] if name in changes else found.get(name) for name in names}
    return {name: value for name, value in rules.items() if value is not None}


def breaker_rules(one: Mapping[str, Any]) -> str:
    """When a circuit breaker opens."""
    rules: list[str] = []
    if (in_row := one["failures_in_row"]) is not None:
        rules.append(f"{in_row} failures in a row")
    if (part := one["failure_share"]) is not None:
        rules.append(f"{part:.0%} of {one['least_attempts']} or more within {one['window_seconds']:g} s")
    return " or ".join(rules)

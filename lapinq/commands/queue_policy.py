"""The policy of a queue on the command line: `--rate 100/m/200`, `--weight gold=3`."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from lapinq.commands.console.rates import plain_number, rate_text, read_rate
from lapinq_core.domain.counted import counted
from lapinq_core.domain.limits.policy import StartOrder


def policy_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The flags of `lapinq queue set`. `command` gets those that were given as `changes`, a body for the API."""

    @click.option(
        "--max-running",
        metavar="N|none",
        callback=_number,
        help="Maximum number of tasks that run at the same time, on all workers together.",
    )
    @click.option(
        "--max-running-per-key",
        metavar="N|none",
        callback=_number,
        help="The same for each key.",
    )
    @click.option(
        "--rate",
        metavar="N/PERIOD[/BURST]|none",
        callback=_rate,
        help="Number of tasks that may start per period, and in a BURST after a pause.",
    )
    @click.option(
        "--rate-per-key",
        metavar="N/PERIOD[/BURST]|none",
        callback=_rate,
        help="The same for each key.",
    )
    @click.option(
        "--order",
        type=click.Choice([order.value for order in StartOrder]),
        help="Order in which tasks start.",
    )
    @click.option(
        "--weight",
        "weights",
        metavar="KEY=N|none",
        multiple=True,
        callback=_weights,
        help="Weight of a key in fair order (default 1). Repeat for each key; replaces all existing weights.",
    )
    @click.option(
        "--breaker",
        metavar="N|JSON|none",
        callback=_breaker,
        help="Circuit breaker: opens after N failures in a row, or by the rules in a JSON object, such as"
        """ '{"failure_share": 0.5}'.""",
    )
    @functools.wraps(command)
    def with_changes(**given: Any) -> None:
        names = ("max_running", "max_running_per_key", "rate", "rate_per_key", "order", "weights", "breaker")
        values = {name: given.pop(name) for name in names}
        changes = {name: value for name, value in values.items() if value is not None}
        command(**given, changes={name: None if value is _NONE else value for name, value in changes.items()})

    return with_changes


def told(policy: Mapping[str, Any]) -> str:
    """The rules of a policy, for a line of text."""
    rules = [
        _places(policy["max_running"], ""),
        _places(policy["max_running_per_key"], " of each key"),
        _starts(policy["rate"], ""),
        _starts(policy["rate_per_key"], " of each key"),
        f"{policy['order']} order" if policy["order"] != "priority" else None,
        counted(len(policy["weights"]), "weight") if policy["weights"] else None,
        f"circuit breaker {policy['breaker']['state'].replace('_', ' ')}" if policy["breaker"] else None,
    ]
    return ", ".join(rule for rule in rules if rule is not None) or "no limits"


_NONE = object()
"""Remove it. None is a flag that was not given."""


def _number(ctx: click.Context, param: click.Parameter, text: str | None) -> object:
    if text is None or text.lower() == "none":
        return _NONE if text else None
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is neither a whole number nor none", ctx, param) from None


def _rate(ctx: click.Context, param: click.Parameter, text: str | None) -> object:
    if text is None or text.lower() == "none":
        return _NONE if text else None
    try:
        return read_rate(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}, nor none", ctx, param) from None


def _weights(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> object:
    if not texts or texts == ("none",):
        return _NONE if texts else None
    weights: dict[str, float] = {}
    for text in texts:
        key, _, number = text.rpartition("=")
        try:
            weights[key] = plain_number(number)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not KEY=N", ctx, param) from None
    return weights


def _breaker(ctx: click.Context, param: click.Parameter, text: str | None) -> object:
    number = None if text is None or text.startswith("{") else _number(ctx, param, text)
    if text is None or not text.startswith("{"):
        return {"failures_in_row": number} if isinstance(number, int) else number
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{text!r} is no JSON object: {error}", ctx, param) from None


def _places(number: int | None, whose: str) -> str | None:
    return None if number is None else f"at most {number} running{whose}"


def _starts(rate: Mapping[str, Any] | None, whose: str) -> str | None:
    return None if rate is None else f"{rate_text(rate)} starts{whose}"

"""The policy of a queue on the command line: `--rate 100/m/200`, `--weight gold=3`."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from lapinq.commands.arguments.rates import plain_number, rate_text, read_rate
from lapinq.commands.arguments.rules import NONE, breaker_rules, changes_of, number, or_none, places
from lapinq_core.domain.counted import counted
from lapinq_core.domain.limits.policy import StartOrder


def policy_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The flags of `lapinq queue set`. `command` gets those that were given as `changes`, a body for the API."""

    @click.option(
        "--max-running",
        metavar="N|none",
        callback=or_none(places),
        help="Maximum number of tasks that run at the same time, on all workers together.",
    )
    @click.option(
        "--max-running-per-key",
        metavar="N|none",
        callback=or_none(places),
        help="The same for each key.",
    )
    @click.option(
        "--rate",
        metavar="N/PERIOD[/BURST]|none",
        callback=or_none(read_rate),
        help="Number of tasks that may start per period, and in a BURST after a pause.",
    )
    @click.option(
        "--rate-per-key",
        metavar="N/PERIOD[/BURST]|none",
        callback=or_none(read_rate),
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
        command(**given, changes=changes_of(values))

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
        _breaker_told(policy["breaker"]) if policy["breaker"] else None,
    ]
    return ", ".join(rule for rule in rules if rule is not None) or "no limits"


def _weights(ctx: click.Context, param: click.Parameter, texts: tuple[str, ...]) -> object:
    if not texts or texts == ("none",):
        return NONE if texts else None
    weights: dict[str, float] = {}
    for text in texts:
        key, _, weight = text.rpartition("=")
        try:
            weights[key] = plain_number(weight)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not KEY=N", ctx, param) from None
    return weights


def _breaker(ctx: click.Context, param: click.Parameter, text: str | None) -> object:
    if text is None or not text.startswith("{"):
        in_row = or_none(number)(ctx, param, text)
        return {"failures_in_row": in_row} if isinstance(in_row, int) else in_row
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.BadParameter(f"{text!r} is no JSON object: {error}", ctx, param) from None


def _places(most: int | None, whose: str) -> str | None:
    return None if most is None else f"at most {most} running{whose}"


def _starts(rate: Mapping[str, Any] | None, whose: str) -> str | None:
    return None if rate is None else f"{rate_text(rate)} starts{whose}"


def _breaker_told(breaker: Mapping[str, Any]) -> str:
    state = "" if breaker["state"] == "closed" else f", now {breaker['state'].replace('_', ' ')}"
    return f"circuit breaker: {breaker_rules(breaker)}{state}"

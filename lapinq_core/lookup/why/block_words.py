"""Sentences about how a key or a named limit blocks a task, and how many tasks are ahead of it."""

import shlex
from datetime import UTC, datetime
from typing import assert_never

from lapinq_core.domain.counted import counted
from lapinq_core.domain.limits.rate import Rate
from lapinq_core.lookup.why.blocking import (
    HeadState,
    Holder,
    KeyFull,
    KeyOrder,
    KeyRate,
    LimitClosed,
    LimitFull,
    LimitShort,
    LimitTooSmall,
    LimitUsed,
    Rules,
)
from lapinq_core.lookup.why.line import Ahead


def words_of_key(reason: KeyOrder | KeyFull | KeyRate) -> tuple[str, str]:
    """A sentence, and what to do about it."""
    match reason:
        case KeyOrder(head, state, due_at, _, ahead):
            return (
                f"Its queue starts the tasks of a key in order, and task {head} of its key {_is(state, due_at)}."
                f" {in_words(ahead)}",
                _ORDER_REMEDY[state].format(head=head),
            )
        case KeyFull(running, max_running, held_by, queue, ahead):
            return (
                f"{running} of at most {max_running} tasks of its key run: {_names(held_by, running)}."
                f" {in_words(ahead)}",
                "Wait for one to end, or allow more of a key, for example:"
                f" lapinq queue set {shlex.quote(queue)} --max-running-per-key {max_running + 1}",
            )
        case KeyRate(limit, period, burst, opens_in, queue, ahead):
            return (
                f"At most {rate(limit, period)} of its key may start. The next may start in {seconds(opens_in)}."
                f" {in_words(ahead)}",
                f"{_RAISE} lapinq queue set {shlex.quote(queue)} --rate-per-key {doubled(limit, period, burst)}",
            )
        case _:
            assert_never(reason)


def words_of_limit(
    reason: LimitClosed | LimitFull | LimitUsed | LimitShort | LimitTooSmall,
) -> tuple[str, str]:
    """A sentence, and what to do about it."""
    match reason:
        case LimitClosed(name, until, ahead):
            return (
                f"It waits for the limit {name!r}, which a task closed until {until.astimezone(UTC):%H:%M:%S} UTC."
                f" {in_words(ahead)}",
                f"Wait, or open it: lapinq limit open {shlex.quote(name)}",
            )
        case LimitFull(name, running, max_running, held_by, ahead, rules):
            return (
                f"It waits for the limit {name!r}: {running} of at most {max_running} tasks run:"
                f" {_names(held_by, running)}. {in_words(ahead)}",
                f"Wait for one to end, or allow more, for example: {_set_limit(name, rules, more_running=1)}",
            )
        case LimitUsed(name, units, used, burst, opens_in, ahead, rules):
            return (
                f"It waits for the limit {name!r}: {_amount(used)} of {_amount(burst)} units are used, and it needs"
                f" {units:,}; enough in {seconds(opens_in)}. {in_words(ahead)}",
                f"{_RAISE} {_set_limit(name, rules, is_faster=True)}",
            )
        case LimitShort(name, first, units, opens_in, ahead, rules):
            return (
                f"It waits for the limit {name!r}: task {first} is before it and needs {units:,} units; enough in"
                f" {seconds(opens_in)}. {in_words(ahead)}",
                f"{_RAISE} {_set_limit(name, rules, is_faster=True)}",
            )
        case LimitTooSmall(name, units, burst, rules):
            return (
                f"It needs {units:,} units of the limit {name!r}, which never has more than {_amount(burst)}, so it"
                " will never start.",
                f"Raise the burst: {_set_limit(name, rules, burst=units)}",
            )
        case _:
            assert_never(reason)


def in_words(ahead: Ahead) -> str:
    """How many are ahead."""
    if ahead.count is None:
        return "Other tasks may be ahead of it."
    if not ahead.count:
        return "It is the next of its key." if ahead.of_key else "It is next in its queue."
    verb = "is" if ahead.count == 1 and not ahead.is_capped else "are"
    which = " of its key" if ahead.of_key else ""
    return (
        f"{'More than ' if ahead.is_capped else ''}{counted(ahead.count, 'task')}{which} {verb} ahead of it."
    )


def before_it(before: Ahead) -> str:
    """How many have their turn before, in fair order."""
    if before.count is None:
        return "Tasks of other keys may start before it."
    if not before.count:
        return "It starts next."
    verb = "starts" if before.count == 1 and not before.is_capped else "start"
    return f"{'More than' if before.is_capped else 'About'} {counted(before.count, 'task')} {verb} before it."


def rate(limit: float, period: float) -> str:
    """A number of tasks per period, in words."""
    number = f"{limit:,g}"
    return f"{number} task{'' if number == '1' else 's'} {'a second' if period == 1 else f'in {period:g} s'}"


def doubled(limit: float, period: float, burst: float) -> str:
    """Twice the rate, as the command line takes it."""
    return str(Rate(2 * limit, period, 2 * limit if burst == limit else burst))


def seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"


_RAISE = "Wait, or raise the rate, for example:"
_ORDER_REMEDY = {
    HeadState.RUNNING: "Wait until it ends, or cancel it: lapinq task cancel {head}",
    HeadState.DELAYED: "Let it run now (lapinq task run {head}), or cancel it: lapinq task cancel {head}",
    HeadState.READY: "See why that one waits: lapinq task why {head}",
}


def _is(state: HeadState, due_at: datetime | None) -> str:
    match state:
        case HeadState.RUNNING:
            return "is running"
        case HeadState.DELAYED:
            due = "" if due_at is None else f", due at {due_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            return f"waits for its next attempt{due}"
        case HeadState.READY:
            return "goes first"
        case _:
            assert_never(state)


def _names(held_by: list[Holder], running: int) -> str:
    """Those that hold the places, the first ones by id."""
    named = ", ".join(f"{one.id} since {one.since.astimezone(UTC):%H:%M:%S}" for one in held_by)
    more = running - len(held_by)
    return f"{named} and {more} more" if more > 0 else named


def _set_limit(
    name: str, rules: Rules, *, more_running: int = 0, is_faster: bool = False, burst: float | None = None
) -> str:
    """The command that changes one rule of the limit. It names both, because it replaces both."""
    words = ["lapinq limit set", shlex.quote(name)]
    if rules.max_running is not None:
        words.append(f"--max-running {rules.max_running + more_running}")
    if rules.rate is not None:
        limit, period, most = rules.rate.limit, rules.rate.period_seconds, rules.rate.burst
        words.append(
            f"--rate {doubled(limit, period, most) if is_faster else Rate(limit, period, burst or most)}"
        )
    return " ".join(words)


def _amount(value: float) -> str:
    return f"{max(0, round(value)):,}"

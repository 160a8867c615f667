"""Decides what happens to the due ticks of a schedule: which of them were missed, and which run.

A tick is on time if it is handled within `GRACE` of its planned instant. Later ticks were missed, because no scheduler
or no database was up, and the misfire policy applies.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Protocol, assert_never

import msgspec

GRACE = timedelta(seconds=60)


class Misfire(StrEnum):
    """The misfire policy."""

    LATEST = "latest"
    """Run the last missed tick, unless a tick on time runs."""
    SKIP = "skip"
    ALL = "all"
    """Run all missed ticks, at most the latest `misfire_limit`."""


class Overlap(StrEnum):
    """The overlap policy: what to do with a tick while the previous run has not ended."""

    ALLOW = "allow"
    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    """Hold one tick until the previous run ends; skip further ones."""
    CANCEL_PREVIOUS = "cancel_previous"
    """Cancel the previous run, and hold the tick until it ends, in place of one that is held already."""


class TickOutcome(StrEnum):
    """What happened to a tick."""

    ENQUEUED = "enqueued"
    HELD = "held"
    """It waits for the previous run to end."""
    SKIPPED = "skipped"
    """The previous run had not ended, or the schedule was paused while the tick was held."""
    MISSED = "missed"


class Series(Protocol):
    """Instants in ascending order, at least a second apart."""

    def after(self, moment: datetime) -> datetime | None:
        """The first after `moment`."""
        ...


class DueTicks(msgspec.Struct, frozen=True):
    """What is due: the instants that run, in ascending order, and the next one after now.

    `missed_from` is the first earlier instant that does not run; `missed_until` is the last one if none runs.
    """

    fire: list[datetime]
    following: datetime | None
    missed_from: datetime | None = None
    missed_until: datetime | None = None


def due_ticks(series: Series, first: datetime, now: datetime, misfire: Misfire, limit: int) -> DueTicks:
    """What is due at `now` of the ticks planned from `first` on, which is not after `now`.

    The work is bounded however many were missed: it grows with their logarithm and with `limit`.
    """
    on_time = list(_between(series, max(first, now - GRACE), now))
    following = series.after(now)
    if on_time and on_time[0] == first:
        return DueTicks(on_time, following)
    match misfire:
        case Misfire.LATEST:
            fire = on_time or _newest(series, first, now, 1)
        case Misfire.SKIP:
            fire = on_time
        case Misfire.ALL:
            fire = _newest(series, first, now, len(on_time) + limit)
        case _:
            assert_never(misfire)
    if not fire:
        # None at all where the series is another now, by a change of the time zone's rules, say.
        last = _newest(series, first, now, 1)
        return DueTicks([], following, first, last[0]) if last else DueTicks([], following)
    return DueTicks(fire, following, first if fire[0] > first else None)


def outcomes(overlap: Overlap, count: int, *, is_free: bool, has_held: bool) -> list[TickOutcome]:
    """The outcomes of `count` ticks in a row, at least one. `is_free`: no run of the schedule is pending or running.

    With `CANCEL_PREVIOUS` the last tick may be held in place of one that is held already.
    """
    if overlap is Overlap.ALLOW:
        return [TickOutcome.ENQUEUED] * count
    first = TickOutcome.ENQUEUED if is_free and not has_held else TickOutcome.SKIPPED
    match overlap:
        case Overlap.SKIP:
            return [first, *[TickOutcome.SKIPPED] * (count - 1)]
        case Overlap.QUEUE_ONE:
            fates = [first] if first is TickOutcome.ENQUEUED else []
            if not has_held and len(fates) < count:
                fates.append(TickOutcome.HELD)
            return fates + [TickOutcome.SKIPPED] * (count - len(fates))
        case Overlap.CANCEL_PREVIOUS:
            last = first if first is TickOutcome.ENQUEUED else TickOutcome.HELD
            return [TickOutcome.SKIPPED] * (count - 1) + [last]
        case _:
            assert_never(overlap)


def _newest(series: Series, first: datetime, now: datetime, count: int) -> list[datetime]:
    """The last `count` instants between `first` and `now`, both inclusive; fewer if there are no more.

    It looks back four times as far until there are enough; if that finds far too many, it halves the time.
    """

    def has_enough(since: datetime) -> bool:
        return len(list(islice(_between(series, since, now), count))) == count

    span = GRACE
    while now - span > first and not has_enough(now - span):
        span *= 4
    early, late = max(first, now - span), now
    few = 8 * count + 60
    found = list(islice(_between(series, early, now), few))
    if len(found) < few:
        return found[-count:]
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        if has_enough(middle):
            early = middle
        else:
            late = middle
    return list(_between(series, early, now))[-count:]


def _between(series: Series, first: datetime, last: datetime) -> Iterator[datetime]:
    """The instants from `first` to `last`, both inclusive."""
    moment = series.after(first - datetime.resolution)
    while moment is not None and moment <= last:
        yield moment
        moment = series.after(moment)

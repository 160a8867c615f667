"""The time before which a task must not start, or how long after its call that is.

The server takes a time without an offset as UTC; in Python it is mostly meant as local time, so it must say which.
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import MAX_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_DELAYS = ("delay", "countdown")


def read_scheduled_at(at: object, *, raise_errors: bool) -> datetime:
    """Raises TypeError for anything but a datetime or a text, and `InvalidValue` for one without a time zone.

    Without `raise_errors` such a text is UTC, as the server reads it, with a warning.
    """
    if isinstance(at, datetime):
        check_zone(at)
        return at
    if not isinstance(at, str):
        raise TypeError(f"scheduled_at must be a datetime or an ISO 8601 text, not {at!r}")
    try:
        read = datetime.fromisoformat(at)
    except ValueError:
        raise InvalidValue(
            "scheduled_at", f"must be an ISO 8601 time such as 2030-01-31T12:00:00Z, not {at!r}"
        ) from None
    if read.utcoffset() is None and not raise_errors:
        told = f"scheduled_at: {at!r} has no time zone and is read as UTC: add Z"
        warnings.warn(told, stacklevel=4)  # where the user calls queue.task() or task.options()
        return read.replace(tzinfo=UTC)
    if read.utcoffset() is None:
        raise InvalidValue(
            "scheduled_at",
            f"{at!r} has no time zone: add Z for UTC, or the offset, as in 2030-01-31T12:00:00+01:00",
        )
    return read


def check_zone(at: datetime) -> None:
    """Raises `InvalidValue` for a datetime without a time zone."""
    if at.utcoffset() is None:
        raise InvalidValue(
            "scheduled_at",
            f"{at:%Y-%m-%d %H:%M} has no time zone: write at.astimezone() if that is local time, or"
            " at.replace(tzinfo=UTC)",
        )


def with_delay(options: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`options` with the `changes`, in which the last of `scheduled_at`, `delay` and `countdown` counts.

    `delay` becomes a timedelta, and `countdown` is the same by another name. Raises TypeError and `InvalidValue`.
    """
    changed = {name: value for name, value in changes.items() if name != "countdown"}
    given = [name for name in (*_DELAYS, "scheduled_at") if changes.get(name) is not None]
    if len(given) > 1:
        raise TypeError(f"{' and '.join(given)} say the same: give one of them")
    if any(name in changes for name in _DELAYS):
        delay = _read_delay(given[0], changes[given[0]]) if given and given[0] in _DELAYS else None
        changed["delay"] = delay
    merged = {**options, **changed}
    if given:
        merged["scheduled_at" if given[0] in _DELAYS else "delay"] = None
    if merged.get("delay") is not None and merged.get("idempotency_key") is not None:
        raise TypeError(
            "delay cannot be combined with idempotency_key: with each call the time is another, and so the request."
            " Give scheduled_at"
        )
    return merged


def time_after(delay: timedelta) -> datetime:
    return datetime.now(UTC) + delay


def _read_delay(name: str, delay: object) -> timedelta:
    seconds = delay.total_seconds() if isinstance(delay, timedelta) else delay
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} must be a number of seconds or a timedelta, not {delay!r}")
    if not 0 <= seconds <= MAX_SECONDS:
        raise InvalidValue(name, f"must be between 0 and {MAX_SECONDS} seconds (ten years), not {delay!r}")
    return timedelta(seconds=seconds)

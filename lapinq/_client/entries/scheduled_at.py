"""The time before which a task must not start. The server takes one without an offset as UTC; in Python it is mostly
meant as local time, so it must say which."""

from __future__ import annotations

from datetime import datetime

from lapinq_core.domain.errors import InvalidValue


def read_scheduled_at(at: object) -> datetime:
    """Raises TypeError for anything but a datetime or a text, and `InvalidValue` for one without a time zone."""
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

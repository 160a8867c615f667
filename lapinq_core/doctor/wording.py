"""Numbers, times and lists in the words of a report."""

from collections.abc import Sequence

MAX_NAMES = 5
_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s"))


def duration(seconds: float) -> str:
    """`seconds` in the largest unit of which there are at least two: "90 min", "3 h"."""
    size, unit = next(((size, unit) for size, unit in _UNITS if abs(seconds) >= 2 * size), _UNITS[-1])
    return f"{seconds / size:.0f} {unit}"


def names(found: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    shown = ", ".join(found[:MAX_NAMES])
    return shown if len(found) <= MAX_NAMES else f"{shown} and {len(found) - MAX_NAMES} more"


def waiting(number: int, noun: str) -> str:
    """ "1 task waits", "2 tasks wait"."""
    return f"{count(number, noun)} wait{'s' if number == 1 else ''}"


def count(number: int, noun: str) -> str:
    """ "1 task", "2 tasks"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"

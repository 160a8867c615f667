"""Numbers in few characters."""

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_EXACT = 10_000
_ROUNDS_UP = 0.9995
"""From this share of a unit on, three digits round up to the whole."""


def count(number: int | None) -> str:
    """Exact up to 9,999; three digits beyond. None is unknown."""
    if number is None:
        return "?"
    return str(number) if abs(number) < _EXACT else _three_digits(number)


def rate(per_second: float | None) -> str:
    """Three digits; a rate above 0 is never shown as 0."""
    if per_second is None:
        return "?"
    return _three_digits(per_second) if per_second < _EXACT else count(round(per_second))


def duration(seconds: float | None) -> str:
    """The two largest units; an empty text for None."""
    if seconds is None:
        return ""
    if seconds < _ROUNDS_UP:
        return f"{_three_digits(seconds * 1000)}ms"
    if seconds < _MINUTE * _ROUNDS_UP:
        return f"{_three_digits(seconds)}s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02}h"


def memory(size: int | None) -> str:
    """In units of 1024."""
    if size is None:
        return ""
    return f"{size / 2**30:.1f}GiB" if size >= 2**30 else f"{size / 2**20:.0f}MiB"


def share(part: float | None) -> str:
    """In percent; an empty text for None."""
    if part is None:
        return ""
    percent = part * 100
    return f"{percent:.1f}%" if 0 < percent < 10 else f"{percent:.0f}%"


def _three_digits(number: float) -> str:
    for size, unit in _UNITS:
        if number >= _ROUNDS_UP * size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.2g}" if number < 1 else f"{number:.3g}"

"""Numbers and times as people read them."""

from datetime import datetime

_STEPS = ((60.0, 1, "s"), (3600.0, 60, "min"), (172_800.0, 3600, "h"))


def seconds(value: float | None) -> str:
    """A span of time: "12 ms", "3.4 s", "5 min", "2 h", "4 d"; a dash for None."""
    if value is None:
        return "–"
    if value < 0.9995:
        return f"{max(value, 0) * 1000:.0f} ms"
    if value < 9.95:
        return f"{value:.1f} s"
    for below, unit, name in _STEPS:
        if value < below:
            return f"{int(value / unit)} {name}"
    return f"{int(value / 86_400)} d"


def thousands(value: int) -> str:
    """A count with thin spaces between groups of three digits."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def moment(value: datetime) -> str:
    """A point in time to the second."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"

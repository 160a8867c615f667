"""Days in words, in local time: `today`, `yesterday`, `yesterday 14:30`."""

import re
from datetime import date, datetime, time, timedelta

from lapinq_core.domain.errors import InvalidValue

_DAYS = {"today": timedelta(), "yesterday": timedelta(days=1)}
_WORDS = re.compile(rf"({'|'.join(_DAYS)})(?:[ T]([0-9]{{1,2}}):([0-9]{{2}}))?", re.IGNORECASE | re.ASCII)


def wall_time(text: str, today: date) -> datetime | None:
    """What clocks show at the time that `text` says, without an hour at the beginning of the day; None for other texts.

    Raises `InvalidValue` for an hour that no clock shows.
    """
    found = _WORDS.fullmatch(text)
    if found is None:
        return None
    try:
        clock = time(int(found[2] or 0), int(found[3] or 0))
    except ValueError:
        raise InvalidValue("time", f"{text!r} has an hour that no clock shows") from None
    return datetime.combine(today - _DAYS[found[1].lower()], clock)

"""How long what is over is kept: a span for each final status, and one for the audit log."""

from collections.abc import Sequence

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import read_interval
from lapinq_core.domain.tasks.state import FINAL, Status

AUDIT = "audit"
LEAST_SECONDS = 60
MOST_SECONDS = 3652 * 86_400
"""Ten years."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds for which tasks of a status are kept after their end, and entries of the audit log; None is for ever."""

    completed: int | None = None
    failed: int | None = None
    cancelled: int | None = None
    expired: int | None = None
    audit: int | None = None

    @property
    def statuses(self) -> dict[Status, int]:
        """The statuses whose tasks are not kept for ever, and for how many seconds they are."""
        return {status: span for status in Status if (span := getattr(self, status, None)) is not None}

    @property
    def longest(self) -> int | None:
        """Seconds after which no ended task is kept, whatever its status; None where some are kept for ever."""
        spans = self.statuses
        return max(spans.values()) if len(spans) == len(FINAL) else None


FOR_EVER = Retention()
_NAMES = [*(status.value for status in Status if status in FINAL), AUDIT]


def read_keep(entries: Sequence[str]) -> Retention:
    """What entries such as `30d`, `failed=90d` and `audit=1d12h` say together.

    A span without a name is for every final status that has none of its own. Raises `InvalidValue`.
    """
    spans: dict[str, int] = {}
    for entry in entries:
        name, equals, text = (part.strip() for part in entry.rpartition("="))
        if equals and name not in _NAMES:
            raise InvalidValue("keep", f"{entry!r}: expected one of {', '.join(_NAMES)} before the =")
        if name in spans:
            raise InvalidValue("keep", f"{entry!r}: there is another time for the same")
        seconds = _read_span(text)
        if seconds is None or not LEAST_SECONDS <= seconds <= MOST_SECONDS:
            raise InvalidValue(
                "keep", f"{entry!r}: expected a time such as 30m, 12h, 7d, 2w or 1d12h, 1m to ten years"
            )
        spans[name] = seconds
    general = spans.pop("", None)
    return Retention(**{**({} if general is None else dict.fromkeys(FINAL, general)), **spans})


def _read_span(text: str) -> int | None:
    """Seconds that a text such as `1w2d` stands for; None where it is none."""
    try:
        return read_interval(text)
    except InvalidValue:
        return None

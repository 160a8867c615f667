"""How long ended tasks are kept, by final status, and how long the audit log is."""

from collections.abc import Sequence

import msgspec

from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.interval import read_interval
from lapinq_core.domain.tasks.state import FINAL, Status

AUDIT = "audit"
MIN_SECONDS = 60
MAX_SECONDS = 3652 * 86_400
"""Ten years."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How many seconds ended tasks of each status and audit entries are kept; None means forever."""

    completed: int | None = None
    failed: int | None = None
    cancelled: int | None = None
    expired: int | None = None
    audit: int | None = None

    @property
    def statuses(self) -> dict[Status, int]:
        """The statuses whose tasks are deleted, and after how many seconds."""
        return {status: span for status in Status if (span := getattr(self, status, None)) is not None}

    @property
    def longest(self) -> int | None:
        """Seconds after which no ended task is kept, whatever its status; None if some are kept forever."""
        spans = self.statuses
        return max(spans.values()) if len(spans) == len(FINAL) else None


FOR_EVER = Retention()
_NAMES = [*(status.value for status in Status if status in FINAL), AUDIT]


def read_keep(entries: Sequence[str]) -> Retention:
    """The retention that entries such as `30d`, `failed=90d` and `audit=1d12h` define together.

    An entry without a name applies to every final status without its own entry. Raises `InvalidValue`.
    """
    spans: dict[str, int] = {}
    for entry in entries:
        name, equals, text = (part.strip() for part in entry.rpartition("="))
        if equals and name not in _NAMES:
            raise InvalidValue("keep", f"{entry!r}: expected one of {', '.join(_NAMES)} before the =")
        if name in spans:
            raise InvalidValue("keep", f"{entry!r}: this is already set by another entry")
        seconds = _read_span(text)
        if seconds is None or not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise InvalidValue(
                "keep", f"{entry!r}: expected a time such as 30m, 12h, 7d, 2w or 1d12h, 1m to ten years"
            )
        spans[name] = seconds
    general = spans.pop("", None)
    return Retention(**{**({} if general is None else dict.fromkeys(FINAL, general)), **spans})


def _read_span(text: str) -> int | None:
    """The seconds in a text such as `1w2d`; None if it is not one."""
    try:
        return read_interval(text)
    except InvalidValue:
        return None

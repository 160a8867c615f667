"""What every schedule is made of: a rule that says when the next time comes."""

from datetime import datetime
from typing import Protocol


class Ticks(Protocol):
    """A rule of times, `Cron` or `Interval`. It has no clock: whoever asks says from when."""

    def after(self, moment: datetime) -> datetime | None:
        """The first time strictly after `moment`, in UTC, or None when there is none to come."""
        ...
